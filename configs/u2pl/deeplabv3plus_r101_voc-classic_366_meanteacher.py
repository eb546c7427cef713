# Mean teacher (MT), classic VOC, 366 labels (Table 1: 63.86).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.mean_teacher, warmup_iters=638)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_366']))
train_cfg = dict(max_iters=51040)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=51040, by_epoch=False)]
custom_hooks = _base_.teacher_hooks
