# Mean teacher (MT), Cityscapes, 744 labels (Table 2: 74.20).
_base_ = '../_base_/u2pl_cityscapes.py'
model = _base_.mean_teacher
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['744']))
train_cfg = dict(max_iters=27800)  # 200 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=27800, by_epoch=False)]
custom_hooks = _base_.teacher_hooks
