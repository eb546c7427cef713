# UniMatch V2, DINOv2's ViT-B, Cityscapes, 186 labels.
_base_ = '../_base_/unimatch_v2_cityscapes.py'
model = _base_.unimatch_v2
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['186']))
