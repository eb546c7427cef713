# Mean teacher (MT), classic VOC, 732 labels (Table 1: 69.51).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.mean_teacher, warmup_iters=615)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_732']))
train_cfg = dict(max_iters=49200)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=49200, by_epoch=False)]
custom_hooks = _base_.teacher_hooks
