# IDDC, MobileNetV2, VOC subset.
_base_ = [
    '../_base_/models/clustering_mobilenetv2.py',
    '../_base_/datasets/vocreal_pairs_192x192.py',
    '../_base_/schedules/small_adam.py',
    '../_base_/methods/iddc_mobilenetv2.py',
    '../_base_/default_runtime.py',
]
model = dict(
    decode_head=dict(num_classes=13),
    auxiliary_head=dict(num_classes=13),
    pairwise_loss=_base_.pairs,
    balance_loss=_base_.weibull,
)
