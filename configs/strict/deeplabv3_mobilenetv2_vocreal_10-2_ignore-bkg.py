# STRICT where only unseen classes are unlabelled (section 3.2), VOC subset.
_base_ = './deeplabv3_mobilenetv2_vocreal_10-2.py'
protocol = dict(background='ignore')
