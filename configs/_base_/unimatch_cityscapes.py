# UniMatch on Cityscapes: DeepLabV3+ with ResNet-101, crops of 801 x 801, hard pixels, 2
# labeled and 2 unlabeled images on each of 4 GPUs (code). The partition with 186
# labels; configs name others.
_base_ = [
    './models/deeplabv3plus_r101-d16.py',
    './datasets/cityscapes_semi_769x769.py',
    './schedules/u2pl_voc.py',
    './methods/u2pl.py',
    './default_runtime.py',
]
crop_size = (801, 801)
unimatch = dict(
    data_preprocessor=dict(size=crop_size),
    threshold=0.0,  # code: each pixel that is no padding has a label
    decode_head=dict(
        num_classes=19,
        # code: OHEM, threshold 0.7, at least 200,000 pixels of a process' batch
        sampler=dict(type='HardPixelSampler', thresh=0.7, min_kept=200000),
        loss_decode=dict(avg_non_ignore=False),  # the sampler averages
    ),
    # Windows that overlap by a third (code).
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(534, 534)),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomScale', ratio_range=(0.5, 2.0)),  # code: of the image's own size
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
partitions = {
    name: [
        dict(source, dataset=dict(source['dataset'], pipeline=train_pipeline))
        for source in pair
    ]
    for name, pair in _base_.partitions.items()
}
optim_wrapper = dict(  # code: one rate for all layers
    optimizer=dict(lr=0.005), paramwise_cfg=dict(_delete_=True)
)
train_cfg = dict(max_iters=83520)  # 240 epochs of the unlabeled images (code)
param_scheduler = [dict(type='PolyLR', power=0.9, end=83520, by_epoch=False)]
auto_scale_lr = dict(base_batch_size=16)
custom_hooks = [*_base_.custom_hooks, *_base_.own_label_hooks]
