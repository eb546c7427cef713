# Class-incremental CamVid, for CPUs: seven classes, then four more one by one; void is
# background.
_base_ = [
    './models/deeplabv3_mobilenetv2-d16.py',
    './datasets/camvid_incremental_192x192.py',
    './schedules/small_sgd.py',
    './methods/mib.py',
    './default_runtime.py',
]
model = dict(
    # Poles and signs are a few pixels wide: output stride 8.
    backbone=dict(strides=(1, 2, 2, 1, 1, 1, 1), dilations=(1, 1, 1, 2, 2, 4, 4)),
    decode_head=dict(dilations=(1, 6, 12, 18)),
)
optim_wrapper = dict(optimizer=dict(lr=0.1))
protocol = dict(
    task=[
        ['sky', 'building', 'pole', 'road', 'pavement', 'tree', 'sign'],
        ['fence'],
        ['car'],
        ['pedestrian'],
        ['bicyclist'],
    ],
    initial_step=dict(
        train_cfg=dict(max_iters=1200, val_interval=1200),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=1200, by_epoch=False)],
    ),
    next_steps=dict(
        optim_wrapper=dict(optimizer=dict(lr=0.01)),
        train_cfg=dict(max_iters=150, val_interval=150),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=150, by_epoch=False)],
    ),
)
