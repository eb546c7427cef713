# CutMix, Cityscapes, 372 labels (Table 2: 71.83).
_base_ = './deeplabv3plus_r101_cityscapes_372_meanteacher.py'
model = dict(**_base_.cutmix)
