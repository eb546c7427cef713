# UniMatch, classic VOC, 1464 labels.
_base_ = '../_base_/unimatch_voc.py'
model = _base_.unimatch
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_1464']))
train_cfg = dict(max_iters=91120)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=91120, by_epoch=False)]
