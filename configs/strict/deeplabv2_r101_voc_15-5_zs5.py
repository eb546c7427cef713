# The filter of ZS5 in place of consistency, on SPNet, VOC 15-5.
_base_ = './deeplabv2_r101_voc_15-5.py'
model = dict(generator=_base_.zs5_generator)
