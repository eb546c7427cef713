# UniMatch, classic VOC, 366 labels.
_base_ = '../_base_/unimatch_voc.py'
model = _base_.unimatch
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_366']))
train_cfg = dict(max_iters=102160)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=102160, by_epoch=False)]
