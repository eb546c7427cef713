# IDDC, DINO ViT-S/8, Cityscapes-27, whole images (table 4).
_base_ = [
    '../_base_/models/clustering_vits8.py',
    '../_base_/datasets/cityscapes27_pairs_224x224.py',
    '../_base_/schedules/iddc_20e.py',
    '../_base_/methods/iddc.py',
    '../_base_/default_runtime.py',
]
model = dict(
    # Section 4.2.3; 1 / 50 as in the code for COCO-Stuff-27.
    pairwise_loss=dict(
        _base_.pairs,
        positive_threshold=0.15,
        negative_threshold=0.25,
        negative_weight=0.25,
    ),
    balance_loss=dict(_base_.weibull, loss_weight=0.3 / 50),
)
train_cfg = dict(max_epochs=50, val_interval=10)  # section 4.2.2
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=50, by_epoch=True)]
