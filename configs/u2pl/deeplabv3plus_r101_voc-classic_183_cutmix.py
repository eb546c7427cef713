# CutMix, classic VOC, 183 labels (Table 1: 63.47).
_base_ = './deeplabv3plus_r101_voc-classic_183_meanteacher.py'
model = dict(**_base_.cutmix)
