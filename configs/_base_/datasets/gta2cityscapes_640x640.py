# GTA5 with labels in crops of 640 x 640, Cityscapes without in whole images of
# 1280 x 640, which the model crops (SePiCo's code).
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}'
source_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(1280, 720), keep_ratio=True),  # gives 1280 x 704
    dict(
        type='RareClassCrop',
        crop_size=(640, 640),
        cat_max_ratio=0.75,
        min_pixels=1500,  # as DAFormer's
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
target_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),  # left out where the target is unlabeled
    dict(type='Resize', scale=(1280, 640), keep_ratio=True),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1280, 640), keep_ratio=True),
    dict(type='LoadAnnotations'),  # scored at 2048 x 1024
    dict(type='PackSegInputs'),
]
source_images = dict(
    type='GTADataset',
    data_root=f'{data_root}/gta',
    data_prefix=dict(img_path='images', seg_map_path='labels'),
    pipeline=source_pipeline,
)
target_images = dict(
    type='CityscapesDataset',
    data_root=f'{data_root}/cityscapes',
    data_prefix=dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
    pipeline=target_pipeline,
)
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(
        type='MultiSourceSampler',
        source_counts=dict(source=2, target=2),
        epoch_source='target',
        rare_class_sampling=dict(source=dict(temperature=0.01, min_pixels=3000)),
    ),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(type='SourceDataset', source='source', dataset=source_images),
            dict(
                type='SourceDataset',
                source='target',
                labeled=False,
                dataset=target_images,
            ),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CityscapesDataset',
        data_root=f'{data_root}/cityscapes',
        data_prefix=dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
