# IDDC on the VOC subset, MobileNetV2.
_base_ = [
    './models/clustering_mobilenetv2.py',
    './datasets/vocreal_pairs_192x192.py',
    './schedules/small_adam.py',
    './methods/iddc.py',
    './default_runtime.py',
]
model = dict(
    _base_.iddc_centered,
    decode_head=dict(num_classes=13),
    auxiliary_head=dict(num_classes=13),
)
