# CutMix, blender VOC, 662 labels (Table 2: 71.66).
_base_ = './deeplabv3plus_r101_voc-blender_662_meanteacher.py'
model = dict(**_base_.cutmix)
