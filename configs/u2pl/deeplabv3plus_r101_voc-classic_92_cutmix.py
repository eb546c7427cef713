# CutMix, classic VOC, 92 labels (Table 1: 52.16).
_base_ = './deeplabv3plus_r101_voc-classic_92_meanteacher.py'
model = dict(**_base_.cutmix)
