# UniMatch, Cityscapes, 186 labels.
_base_ = '../_base_/unimatch_cityscapes.py'
model = _base_.unimatch
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['186']))
