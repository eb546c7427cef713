# Mean teacher (MT), blender VOC, 2646 labels (Table 2: 73.02).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.mean_teacher, warmup_iters=496)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['blender_2646']))
train_cfg = dict(max_iters=39680)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=39680, by_epoch=False)]
custom_hooks = _base_.teacher_hooks
