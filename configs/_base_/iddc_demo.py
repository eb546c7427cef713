# IDDC on the generated demo data, MobileNetV2 or the thin ViT.
_base_ = [
    './models/clustering_mobilenetv2.py',
    './models/clustering_vitthin8.py',
    './datasets/demo_voc_pairs_192x192.py',
    './schedules/small_adam.py',
    './methods/iddc.py',
    './default_runtime.py',
]
model = dict(
    _base_.iddc_centered,
    decode_head=dict(num_classes=21),
    auxiliary_head=dict(num_classes=21),
)
vitthin8 = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/mocov3_vitthin8_demo_voc/iter_600.pth')
    )
)
