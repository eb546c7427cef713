# U2PL+, real VOC photographs, 1/8 of the labels.
_base_ = '../_base_/u2pl_vocreal.py'
model = _base_.u2pl_plus
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['1-8']))
