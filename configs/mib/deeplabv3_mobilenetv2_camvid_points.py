# MiB with points, CamVid: scene parsing without a background class.
_base_ = [
    '../_base_/models/deeplabv3_mobilenetv2-d16.py',
    '../_base_/datasets/camvid_weak_240x320.py',
    '../_base_/schedules/small_sgd.py',
    '../_base_/methods/mib_weak.py',
    '../_base_/default_runtime.py',
]
model = dict(
    decode_head=dict(
        num_classes=11, loss_decode=dict(_base_.mib_weak_loss, background=False)
    )
)
train_cfg = dict(max_iters=600, val_interval=600)
param_scheduler = [dict(type='PolyLR', power=0.9, end=600, by_epoch=False)]
