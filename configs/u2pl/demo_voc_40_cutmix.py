# CutMix, generated demo data, 40 labels.
_base_ = './demo_voc_40_meanteacher.py'
model = dict(**_base_.cutmix)
