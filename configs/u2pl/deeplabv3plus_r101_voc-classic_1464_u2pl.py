# U2PL, classic VOC, 1464 labels (Table 1: 79.49).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.u2pl, warmup_iters=569)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_1464']))
train_cfg = dict(max_iters=45520)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=45520, by_epoch=False)]
