# Mean teacher (MT), generated demo data, 40 labels.
_base_ = '../_base_/u2pl_demo.py'
model = _base_.mean_teacher
custom_hooks = _base_.teacher_hooks
