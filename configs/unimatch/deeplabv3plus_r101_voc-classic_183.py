# UniMatch, classic VOC, 183 labels.
_base_ = '../_base_/unimatch_voc.py'
model = _base_.unimatch
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_183']))
train_cfg = dict(max_iters=103920)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=103920, by_epoch=False)]
