# Class-incremental segmentation of the generated demo data: minutes on two CPU cores.
_base_ = [
    './models/deeplabv3_r18-thin-d8.py',
    './datasets/demo_voc_incremental_96x96.py',
    './schedules/small_sgd.py',
    './methods/mib.py',
    './default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.2))
protocol = dict(
    initial_step=dict(
        train_cfg=dict(max_iters=1000, val_interval=1000),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
            dict(type='PolyLR', power=0.9, begin=20, end=1000, by_epoch=False),
        ],
    ),
    next_steps=dict(
        optim_wrapper=dict(optimizer=dict(lr=0.02)),  # a tenth, as in the paper
        train_cfg=dict(max_iters=120, val_interval=120),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=120, by_epoch=False)],
    ),
)
# `next_steps` for five classes at once, which take longer than one.
five_classes = dict(
    train_cfg=dict(max_iters=300, val_interval=300),
    param_scheduler=[dict(type='PolyLR', power=0.9, end=300, by_epoch=False)],
)
