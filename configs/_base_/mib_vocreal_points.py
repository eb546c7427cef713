# Real VOC photographs of five animals with human points, for CPUs.
_base_ = [
    './models/deeplabv3_mobilenetv2-d16.py',
    './datasets/vocreal_points_192x192.py',
    './schedules/small_sgd.py',
    './methods/mib_weak.py',
    './default_runtime.py',
]
model = dict(decode_head=dict(num_classes=6))
train_cfg = dict(max_iters=800, val_interval=800)
param_scheduler = [dict(type='PolyLR', power=0.9, end=800, by_epoch=False)]
