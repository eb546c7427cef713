# Mean teacher (MT), Cityscapes, 186 labels (Table 2: 69.03).
_base_ = '../_base_/u2pl_cityscapes.py'
model = _base_.mean_teacher
custom_hooks = _base_.teacher_hooks
