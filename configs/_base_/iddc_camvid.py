# IDDC on CamVid, MobileNetV2 or the thin ViT.
_base_ = [
    './models/clustering_mobilenetv2.py',
    './models/clustering_vitthin8.py',
    './datasets/camvid_pairs_192x192.py',
    './schedules/small_adam.py',
    './methods/iddc.py',
    './default_runtime.py',
]
model = _base_.iddc_centered
vitthin8 = dict(
    backbone=dict(
        init_cfg=dict(checkpoint='work_dirs/mocov3_vitthin8_camvid/iter_600.pth')
    )
)
