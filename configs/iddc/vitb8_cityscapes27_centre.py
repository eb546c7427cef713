# IDDC, DINO ViT-B/8, Cityscapes-27, centre crops (table 3).
_base_ = [
    '../_base_/models/clustering_vits8.py',
    '../_base_/datasets/cityscapes27_pairs_224x224_centre.py',
    '../_base_/schedules/iddc_20e.py',
    '../_base_/methods/iddc.py',
    '../_base_/default_runtime.py',
]
model = dict(
    backbone=dict(
        arch='deit-base',
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_vitb8.pth'),
    ),
    decode_head=dict(in_channels=768),
    auxiliary_head=dict(in_channels=768),
    # Section 4.2.3; 1 / 50 as in the code for COCO-Stuff-27.
    pairwise_loss=dict(
        _base_.pairs,
        positive_threshold=0.2,
        negative_threshold=0.28,
        negative_weight=0.38,
    ),
    balance_loss=dict(_base_.weibull, loss_weight=0.22 / 50),
)
train_cfg = dict(max_epochs=50, val_interval=10)  # section 4.2.2
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=50, by_epoch=True)]
