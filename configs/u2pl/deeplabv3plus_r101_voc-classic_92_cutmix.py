# CutMix, classic VOC, 92 labels (Table 1: 52.16).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.cutmix, warmup_iters=655)  # code: one epoch on labels alone
custom_hooks = _base_.teacher_hooks
