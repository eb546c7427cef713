# IDDC, MobileNetV2, CamVid.
_base_ = [
    '../_base_/models/clustering_mobilenetv2.py',
    '../_base_/datasets/camvid_pairs_192x192.py',
    '../_base_/schedules/small_adam.py',
    '../_base_/methods/iddc_mobilenetv2.py',
    '../_base_/default_runtime.py',
]
model = dict(pairwise_loss=_base_.pairs, balance_loss=_base_.weibull)
