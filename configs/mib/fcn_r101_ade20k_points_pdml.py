# MiB with points, ADE20K, in the protocol of PDML (Table 7: 21.0, 59.5).
_base_ = './fcn_r101_ade20k_points.py'
crop_size = (321, 321)
model = dict(data_preprocessor=dict(size=crop_size))
# Section 6.3.3: crops of 321, batch 16, rate 2.5e-4, weight decay 5e-4, power 0.8; the
# number of epochs is MiB's choice.
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        pipeline=[
            *_base_.load_points,
            dict(type='RandomCrop', crop_size=crop_size),
            dict(type='RandomFlip', prob=0.5),
            dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
            dict(type='PackSegInputs'),
        ]
    ),
)
optim_wrapper = dict(optimizer=dict(lr=2.5e-4, weight_decay=5e-4))
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.8,
        begin=0,
        end=60,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
train_cfg = dict(max_epochs=60, val_interval=60)
auto_scale_lr = dict(base_batch_size=8)
