# CutMix, Cityscapes, 1488 labels (Table 2: 78.25).
_base_ = './deeplabv3plus_r101_cityscapes_1488_meanteacher.py'
model = dict(**_base_.cutmix)
