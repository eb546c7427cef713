# UniMatch on PASCAL VOC 2012: DeepLabV3+ with ResNet-101, crops of 321 x 321, 2 labeled
# and 2 unlabeled images on each of 4 GPUs (code). The partition with 92 labels; configs
# name others.
_base_ = [
    './models/deeplabv3plus_r101-d16.py',
    './datasets/voc_semi_513x513.py',
    './schedules/u2pl_voc.py',
    './methods/u2pl.py',
    './default_runtime.py',
]
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomScale', ratio_range=(0.5, 2.0)),  # code: of the image's own size
    dict(type='Pad', size=(321, 321), pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=(321, 321)),
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
train_dataloader = dict(
    batch_size=4, sampler=dict(source_counts=dict(labeled=2, unlabeled=2))
)
auto_scale_lr = dict(base_batch_size=16)
custom_hooks = [*_base_.custom_hooks, *_base_.own_label_hooks]
