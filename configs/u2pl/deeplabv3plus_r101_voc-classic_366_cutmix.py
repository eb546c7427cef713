# CutMix, classic VOC, 366 labels (Table 1: 69.46).
_base_ = './deeplabv3plus_r101_voc-classic_366_meanteacher.py'
model = dict(**_base_.cutmix)
