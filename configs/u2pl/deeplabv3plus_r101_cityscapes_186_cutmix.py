# CutMix, Cityscapes, 186 labels (Table 2: 67.06).
_base_ = '../_base_/u2pl_cityscapes.py'
model = _base_.cutmix
custom_hooks = _base_.teacher_hooks
