# MiB with points, generated demo data.
_base_ = [
    '../_base_/models/deeplabv3_r18-thin-d8.py',
    '../_base_/datasets/demo_voc_weak_96x96.py',
    '../_base_/schedules/small_sgd.py',
    '../_base_/methods/mib_weak.py',
    '../_base_/default_runtime.py',
]
model = dict(decode_head=dict(loss_decode=_base_.mib_weak_loss))
optim_wrapper = dict(optimizer=dict(lr=0.2))
train_cfg = dict(max_iters=1000, val_interval=1000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', power=0.9, begin=20, end=1000, by_epoch=False),
]
