# Labeled images only (SupOnly), classic VOC, 92 labels (Table 1: 45.77).
_base_ = '../_base_/u2pl_voc.py'
train_dataloader = _base_.labeled_only
auto_scale_lr = dict(base_batch_size=16)  # the labeled images of all GPUs
custom_hooks = _base_.labeled_hooks
val_cfg = dict(type='ValLoop')
