# STRICT where only unseen classes are unlabelled (section 3.2), VOC 15-5.
_base_ = './deeplabv2_r101_voc_15-5.py'
protocol = dict(background='ignore')
