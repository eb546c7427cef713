# CutMix, blender VOC, 2646 labels (Table 2: 77.33).
_base_ = './deeplabv3plus_r101_voc-blender_2646_meanteacher.py'
model = dict(**_base_.cutmix)
