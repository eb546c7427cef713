# IDDC, DINO ViT-S/8, COCO-Stuff-27.
_base_ = [
    '../_base_/models/clustering_vits8.py',
    '../_base_/datasets/cocostuff27_pairs_224x224.py',
    '../_base_/schedules/iddc_20e.py',
    '../_base_/methods/iddc.py',
    '../_base_/default_runtime.py',
]
model = dict(
    pairwise_loss=_base_.pairs,
    balance_loss=dict(_base_.weibull, loss_weight=0.25 / 50),  # section 4.2.3, code
)
randomness = dict(seed=100)  # code
