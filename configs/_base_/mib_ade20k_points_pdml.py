# ADE20K with points in the protocol of PDML (MiB, section 6.3.3): crops of 321, batch
# 16, rate 2.5e-4, weight decay 5e-4, power 0.8; the number of epochs is MiB's choice.
_base_ = [
    './models/fcn_r101-d8.py',
    './datasets/ade20k_points_512x512.py',
    './schedules/mib_30e.py',
    './methods/mib_weak.py',
    './default_runtime.py',
]
crop_size = (321, 321)
model = dict(data_preprocessor=dict(size=crop_size), decode_head=dict(num_classes=150))
augmentation = [
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    _base_.augmentation[-1],
]
full_pipeline = [*_base_.load_full, *augmentation]
train_dataloader = dict(
    batch_size=16, dataset=dict(pipeline=[*_base_.load_points, *augmentation])
)
optim_wrapper = dict(optimizer=dict(lr=2.5e-4, nesterov=False, weight_decay=5e-4))
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
auto_scale_lr = dict(base_batch_size=16)
