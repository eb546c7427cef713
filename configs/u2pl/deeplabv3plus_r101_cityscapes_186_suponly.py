# Labeled images only (SupOnly), Cityscapes, 186 labels (Table 2: 65.74).
_base_ = '../_base_/u2pl_cityscapes.py'
train_dataloader = _base_.labeled_only
custom_hooks = _base_.labeled_hooks
val_cfg = dict(type='ValLoop')
