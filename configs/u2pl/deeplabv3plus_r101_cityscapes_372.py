# U2PL+, Cityscapes, 372 labels (Table 2: 78.00).
_base_ = '../_base_/u2pl_cityscapes.py'
model = _base_.u2pl_plus
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['372']))
train_cfg = dict(max_iters=32400)  # 200 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=32400, by_epoch=False)]
