# UniMatch V2, real VOC photographs, 1/16 of the labels.
_base_ = '../_base_/u2pl_vocreal.py'
model = _base_.unimatch_v2
custom_hooks = [*_base_.labeled_hooks, *_base_.v2_teacher_hooks]
