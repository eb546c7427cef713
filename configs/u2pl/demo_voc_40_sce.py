# CutMix with symmetric cross-entropy (Table 4, row 8).
_base_ = '../_base_/u2pl_demo.py'
model = dict(_base_.cutmix, unlabeled_loss=_base_.u2pl_plus.unlabeled_loss)
custom_hooks = _base_.teacher_hooks
