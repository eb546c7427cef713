# The filter of ZS5 in place of consistency, on SPNet, COCO-Stuff.
_base_ = './deeplabv2_r101_cocostuff_167-15.py'
model = dict(generator=_base_.zs5_generator)
