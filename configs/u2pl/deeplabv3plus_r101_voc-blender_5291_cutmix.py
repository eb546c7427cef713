# CutMix, blender VOC, 5291 labels (Table 2: 78.21).
_base_ = './deeplabv3plus_r101_voc-blender_5291_meanteacher.py'
model = dict(**_base_.cutmix)
