# UniMatch V2, DINOv2's ViT-B, classic VOC, 92 labels.
_base_ = '../_base_/unimatch_v2_voc.py'
model = _base_.unimatch_v2
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_92']))
train_cfg = dict(max_iters=39300)  # 60 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=39300, by_epoch=False)]
