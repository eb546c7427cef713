# MiB with human points on real VOC photographs, five animals.
_base_ = [
    '../_base_/models/deeplabv3_mobilenetv2-d16.py',
    '../_base_/datasets/vocreal_points_192x192.py',
    '../_base_/schedules/small_sgd.py',
    '../_base_/methods/mib_weak.py',
    '../_base_/default_runtime.py',
]
model = dict(decode_head=dict(num_classes=6, loss_decode=_base_.mib_weak_loss))
train_cfg = dict(max_iters=800, val_interval=800)
param_scheduler = [dict(type='PolyLR', power=0.9, end=800, by_epoch=False)]
