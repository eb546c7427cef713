# CamVid with points or scribbles, for CPUs: scene parsing without a background class.
_base_ = [
    './models/deeplabv3_mobilenetv2-d16.py',
    './datasets/camvid_weak_240x320.py',
    './schedules/small_sgd.py',
    './methods/mib_weak.py',
    './default_runtime.py',
]
model = dict(decode_head=dict(num_classes=11))
train_cfg = dict(max_iters=600, val_interval=600)
param_scheduler = [dict(type='PolyLR', power=0.9, end=600, by_epoch=False)]
