# STRICT where only unseen classes are unlabelled (section 3.2), generated demo data.
_base_ = './demo_voc_15-5.py'
protocol = dict(background='ignore')
