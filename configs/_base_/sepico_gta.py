# SePiCo from GTA5 to Cityscapes: DAFormer's network and schedule, larger images, crops
# of 640 x 640 (code).
_base_ = [
    './models/daformer_mit-b5.py',
    './datasets/gta2cityscapes_640x640.py',
    './schedules/daformer_40k.py',
    './methods/daformer.py',
    './default_runtime.py',
]
sepico = dict(
    data_preprocessor=dict(size=(640, 1280)),  # of the target, which is loaded whole
    representation_head=dict(in_channels=[64, 128, 320, 512], norm_cfg=_base_.norm_cfg),
    class_statistics=dict(num_classes=19),
    target_crop=dict(size=(640, 640), max_share=0.75),
)
custom_hooks = [
    *_base_.custom_hooks,
    *_base_.teacher_hooks,
    dict(type='ClassStatisticsHook'),
]
