# DAFormer's training from night to day on real VOC photographs of 12 classes, ImageNet
# MobileNetV2, crops of 192 x 192; for CPUs.
_base_ = [
    './models/deeplabv3_mobilenetv2-d16.py',
    './datasets/vocreal_night2day.py',
    './schedules/small_sgd.py',
    './methods/daformer.py',
    './default_runtime.py',
]
model = dict(decode_head=dict(num_classes=13))
daformer = dict(  # no car's hood here; all classes are things
    ignore_rows=(0, 0), feature_distance=dict(classes=list(range(1, 13)))
)
train_cfg = dict(max_iters=1200, val_interval=1200)
param_scheduler = [dict(type='PolyLR', power=0.9, end=1200, by_epoch=False)]
# 0.999 is slow for so short a run.
custom_hooks = [*_base_.custom_hooks, *_base_.self_training_hooks]
