# CutMix, blender VOC, 1323 labels (Table 2: 75.51).
_base_ = './deeplabv3plus_r101_voc-blender_1323_meanteacher.py'
model = dict(**_base_.cutmix)
