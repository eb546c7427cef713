# Labeled images only (SupOnly), generated demo data, 40 labels.
_base_ = '../_base_/u2pl_demo.py'
train_dataloader = _base_.labeled_only
custom_hooks = _base_.labeled_hooks
val_cfg = dict(type='ValLoop')
