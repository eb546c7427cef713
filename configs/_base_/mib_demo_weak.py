# The generated demo data with points or scribbles: minutes on two CPU cores.
_base_ = [
    './models/deeplabv3_r18-thin-d8.py',
    './datasets/demo_voc_weak_96x96.py',
    './schedules/small_sgd.py',
    './methods/mib_weak.py',
    './default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.2))
train_cfg = dict(max_iters=1000, val_interval=1000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', power=0.9, begin=20, end=1000, by_epoch=False),
]
