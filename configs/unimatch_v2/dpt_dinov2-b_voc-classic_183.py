# UniMatch V2, DINOv2's ViT-B, classic VOC, 183 labels.
_base_ = '../_base_/unimatch_v2_voc.py'
model = _base_.unimatch_v2
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_183']))
train_cfg = dict(max_iters=38940)  # 60 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=38940, by_epoch=False)]
