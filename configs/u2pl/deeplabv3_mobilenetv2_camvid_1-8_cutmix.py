# CutMix, CamVid, 1/8 of the labels.
_base_ = '../_base_/u2pl_camvid.py'
model = _base_.cutmix
custom_hooks = _base_.teacher_hooks
