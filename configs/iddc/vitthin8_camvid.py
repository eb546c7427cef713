# IDDC, thin ViT trained on the images themselves, CamVid: no label anywhere.
_base_ = [
    '../_base_/models/clustering_vitthin8.py',
    '../_base_/datasets/camvid_pairs_192x192.py',
    '../_base_/schedules/small_adam.py',
    '../_base_/methods/iddc_mobilenetv2.py',
    '../_base_/default_runtime.py',
]
model = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/mocov3_vitthin8_camvid/iter_600.pth')
    ),
    # Affinities of one class and of different classes cross at 0.1 to 0.3 here.
    pairwise_loss=dict(_base_.pairs, positive_threshold=0.5),
    balance_loss=_base_.weibull,
)
