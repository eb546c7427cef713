# UniMatch V2, generated demo data, 40 labels.
_base_ = '../_base_/u2pl_demo.py'
model = _base_.unimatch_v2
custom_hooks = [*_base_.labeled_hooks, *_base_.v2_teacher_hooks]
