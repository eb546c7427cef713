# MiB on CamVid: seven classes, then four more one by one; void is background.
_base_ = [
    '../_base_/models/deeplabv3_mobilenetv2-d16.py',
    '../_base_/datasets/camvid_incremental_192x192.py',
    '../_base_/schedules/small_sgd.py',
    '../_base_/methods/mib.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='IncrementalEncoderDecoder',
    decode_head=dict(loss_decode=_base_.mib_loss),
    distillation=_base_.mib_distillation,
)
optim_wrapper = dict(optimizer=dict(lr=0.02))
protocol = dict(
    task=[
        ['sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign'],
        ['fence'],
        ['car'],
        ['pedestrian'],
        ['bicyclist'],
    ],
    initial_step=dict(
        train_cfg=dict(max_iters=1000, val_interval=1000),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=1000, by_epoch=False)],
    ),
    next_steps=dict(
        optim_wrapper=dict(optimizer=dict(lr=0.01)),
        train_cfg=dict(max_iters=150, val_interval=150),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=150, by_epoch=False)],
    ),
)
