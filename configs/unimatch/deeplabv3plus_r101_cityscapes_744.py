# UniMatch, Cityscapes, 744 labels.
_base_ = '../_base_/unimatch_cityscapes.py'
model = _base_.unimatch
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['744']))
train_cfg = dict(max_iters=66720)  # 240 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=66720, by_epoch=False)]
