# Labeled images only (SupOnly), CamVid, 1/8 of the labels.
_base_ = '../_base_/u2pl_camvid.py'
train_dataloader = _base_.labeled_only
custom_hooks = _base_.labeled_hooks
val_cfg = dict(type='ValLoop')
