# IDDC, MobileNetV2, VOC subset.
_base_ = [
    '../_base_/models/clustering_mobilenetv2.py',
    '../_base_/datasets/vocreal_pairs_192x192.py',
    '../_base_/schedules/small_adam.py',
    '../_base_/methods/iddc.py',
    '../_base_/default_runtime.py',
]
model = dict(
    decode_head=dict(num_classes=13),
    auxiliary_head=dict(num_classes=13),
    # Thresholds by tools/affinity_statistics.py, as in section 4.4.4. Without centring
    # the cosines of these supervised features are nearly all above 0.2.
    pairwise_loss=dict(
        _base_.pairs,
        positive_threshold=0.2,
        negative_threshold=0.0,
        centered=True,
    ),
    balance_loss=_base_.weibull,
)
