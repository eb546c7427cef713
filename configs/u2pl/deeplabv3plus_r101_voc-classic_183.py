# U2PL+, classic VOC, 183 labels (Table 1: 73.40).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.u2pl_plus, warmup_iters=649)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_183']))
train_cfg = dict(max_iters=51920)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=51920, by_epoch=False)]
