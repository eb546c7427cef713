# CutMix, Cityscapes, 186 labels (Table 2: 67.06).
_base_ = './deeplabv3plus_r101_cityscapes_186_meanteacher.py'
model = dict(**_base_.cutmix)
