# Mean teacher (MT), blender VOC, 5291 labels (Table 2: 76.58).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.mean_teacher, warmup_iters=330)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['blender_5291']))
train_cfg = dict(max_iters=26400)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=26400, by_epoch=False)]
custom_hooks = _base_.teacher_hooks
