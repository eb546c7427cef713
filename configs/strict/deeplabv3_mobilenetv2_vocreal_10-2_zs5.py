# The filter of ZS5 in place of consistency, on SPNet, VOC subset.
_base_ = './deeplabv3_mobilenetv2_vocreal_10-2.py'
model = dict(generator=_base_.zs5_generator)
