# IDDC, thin ViT trained on the images themselves, generated demo: no label anywhere.
_base_ = [
    '../_base_/models/clustering_vitthin8.py',
    '../_base_/datasets/demo_voc_pairs_192x192.py',
    '../_base_/schedules/small_adam.py',
    '../_base_/methods/iddc_vitthin8.py',
    '../_base_/default_runtime.py',
]
model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/mocov3_vitthin8_demo_voc/iter_600.pth')
    ),
    decode_head=dict(num_classes=21),
    auxiliary_head=dict(num_classes=21),
    pairwise_loss=_base_.pairs,
    balance_loss=_base_.weibull,
)
