# Labeled images only (SupOnly), classic VOC, 366 labels (Table 1: 65.88).
_base_ = '../_base_/u2pl_voc.py'
train_dataloader = dict(
    _base_.labeled_only,
    dataset=dict(_base_.partitions['classic_366'][0], _delete_=True),
)
train_cfg = dict(max_iters=51040)  # as long as the other methods
param_scheduler = [dict(type='PolyLR', power=0.9, end=51040, by_epoch=False)]
auto_scale_lr = dict(base_batch_size=16)  # the labeled images of all GPUs
custom_hooks = _base_.labeled_hooks
val_cfg = dict(type='ValLoop')
