# IDDC, DINO ViT-S/8, COCO-Stuff-171.
_base_ = [
    '../_base_/models/clustering_vits8.py',
    '../_base_/datasets/cocostuff171_pairs_224x224.py',
    '../_base_/schedules/iddc_20e.py',
    '../_base_/methods/iddc.py',
    '../_base_/default_runtime.py',
]
model = dict(
    decode_head=dict(num_classes=171),
    auxiliary_head=dict(num_classes=171),
    # Section 4.2.3; 1 / 50 as in the code for COCO-Stuff-27.
    pairwise_loss=dict(
        _base_.pairs,
        positive_threshold=0.15,
        negative_threshold=0.15,
        negative_weight=9.0,
    ),
    balance_loss=dict(_base_.weibull, loss_weight=0.61 / 50),
)
