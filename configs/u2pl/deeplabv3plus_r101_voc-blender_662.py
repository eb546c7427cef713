# U2PL+, blender VOC, 662 labels (Table 2: 77.23).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.u2pl_plus, warmup_iters=620)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['blender_662']))
train_cfg = dict(max_iters=49600)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=49600, by_epoch=False)]
