# Class-incremental Cityscapes (MiB, section 6.2.5).
_base_ = [
    './models/deeplabv3_r101-d16.py',
    './datasets/cityscapes_incremental_512x512.py',
    './schedules/mib_30e.py',
    './methods/mib.py',
    './default_runtime.py',
]
# Section 6.2.2: ResNeXt-101. Neither the paper nor what was read of the code gives its
# width or weights; 32x8d, with ReLU, is the one that torchvision ships.
model = dict(
    backbone=dict(
        type='ResNeXt',
        groups=32,
        base_width=8,
        contract_dilation=True,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnext101_32x8d'),
    ),
    decode_head=dict(pool_size=32),  # code: at test, too, windows of the crops' 512
)
# Section 6.2.2: 360 epochs in every step, 2e-3 in the first and 2e-4 in the following.
optim_wrapper = dict(optimizer=dict(lr=0.002))
train_cfg = dict(max_epochs=360, val_interval=360)
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0,
        begin=0,
        end=360,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
protocol = dict(
    setup='partition',  # section 6.2.5: disjoint sets of images, as for ADE20K
    next_steps=dict(optim_wrapper=dict(optimizer=dict(lr=0.0002))),
    score_background=False,  # unlabeled pixels are ignored at test
)
