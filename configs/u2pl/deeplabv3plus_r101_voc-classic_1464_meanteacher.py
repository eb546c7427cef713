# Mean teacher (MT), classic VOC, 1464 labels (Table 1: 70.96).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.mean_teacher, warmup_iters=569)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_1464']))
train_cfg = dict(max_iters=45520)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=45520, by_epoch=False)]
custom_hooks = _base_.teacher_hooks
