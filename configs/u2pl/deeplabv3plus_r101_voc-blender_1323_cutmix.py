# CutMix, blender VOC, 1323 labels (Table 2: 75.51).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.cutmix, warmup_iters=578)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['blender_1323']))
train_cfg = dict(max_iters=46240)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=46240, by_epoch=False)]
custom_hooks = _base_.teacher_hooks
