# Labeled images only (SupOnly), real VOC photographs, 1/16 of the labels.
_base_ = '../_base_/u2pl_vocreal.py'
train_dataloader = _base_.labeled_only
custom_hooks = _base_.labeled_hooks
val_cfg = dict(type='ValLoop')
