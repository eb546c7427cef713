# Labeled images only (SupOnly), Cityscapes, 186 labels (Table 2: 65.74).
_base_ = '../_base_/u2pl_cityscapes.py'
train_dataloader = _base_.labeled_only
auto_scale_lr = dict(base_batch_size=16)  # the labeled images of all GPUs
custom_hooks = _base_.labeled_hooks
val_cfg = dict(type='ValLoop')
