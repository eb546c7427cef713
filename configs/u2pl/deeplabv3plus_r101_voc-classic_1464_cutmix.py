# CutMix, classic VOC, 1464 labels (Table 1: 76.54).
_base_ = './deeplabv3plus_r101_voc-classic_1464_meanteacher.py'
model = dict(**_base_.cutmix)
