# CutMix, classic VOC, 732 labels (Table 1: 73.73).
_base_ = './deeplabv3plus_r101_voc-classic_732_meanteacher.py'
model = dict(**_base_.cutmix)
