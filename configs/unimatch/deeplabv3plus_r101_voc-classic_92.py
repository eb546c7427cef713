# UniMatch, classic VOC, 92 labels.
_base_ = '../_base_/unimatch_voc.py'
model = _base_.unimatch
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_92']))
train_cfg = dict(max_iters=104880)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=104880, by_epoch=False)]
