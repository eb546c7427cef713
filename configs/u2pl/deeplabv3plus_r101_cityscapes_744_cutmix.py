# CutMix, Cityscapes, 744 labels (Table 2: 76.36).
_base_ = './deeplabv3plus_r101_cityscapes_744_meanteacher.py'
model = dict(**_base_.cutmix)
