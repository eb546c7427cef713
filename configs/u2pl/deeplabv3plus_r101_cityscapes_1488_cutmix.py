# CutMix, Cityscapes, 1488 labels (Table 2: 78.25).
_base_ = '../_base_/u2pl_cityscapes.py'
model = _base_.cutmix
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['1488']))
train_cfg = dict(max_iters=18400)  # 200 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=18400, by_epoch=False)]
custom_hooks = _base_.teacher_hooks
