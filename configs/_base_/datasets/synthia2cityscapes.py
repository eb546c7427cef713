# SYNTHIA-RAND-CITYSCAPES with labels, Cityscapes without (DAFormer's code; U2PL+,
# section 4.2).
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}'
crop_size = (512, 512)


def source_pipeline(*recolor):
    """Crops of SYNTHIA, as they are or in other colors."""
    return [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),
        dict(type='Resize', scale=(1280, 760), keep_ratio=True),
        dict(
            type='RareClassCrop',
            crop_size=crop_size,
            cat_max_ratio=0.75,
            min_pixels=1500,  # 3000 of the original, times 0.5
        ),
        dict(type='RandomFlip', prob=0.5),
        *recolor,
        dict(type='PackSegInputs'),
    ]


target_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),  # left out where the target is unlabeled
    dict(type='Resize', scale=(1024, 512), keep_ratio=True),
    dict(type='RareClassCrop', crop_size=crop_size),  # plain: no class was drawn
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(1024, 512), keep_ratio=True),
    dict(type='LoadAnnotations'),  # scored at 2048 x 1024
    dict(type='PackSegInputs'),
]
source_images = dict(
    type='SynthiaDataset',
    data_root=f'{data_root}/synthia',
    data_prefix=dict(img_path='RGB', seg_map_path='GT/LABELS'),
    pipeline=source_pipeline(),
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


def labeled_only(images, source):
    """Loader of one domain with labels, every image once a pass."""
    return dict(
        batch_size=2,
        sampler=dict(_delete_=True, type='SeededInfiniteSampler', shuffle=True),
        dataset=dict(
            _delete_=True, type='SourceDataset', source=source, dataset=images
        ),
    )


# The loaders of what a method is compared with: the source alone, the source in other
# colors, and the target with its labels.
source_only = labeled_only(source_images, 'source')
recolored_source_only = labeled_only(
    dict(source_images, pipeline=source_pipeline(dict(type='PhotoMetricDistortion'))),
    'source',
)
oracle = labeled_only(target_images, 'target')
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
# SYNTHIA has no terrain, truck and train: papers average 16 classes, or 13 without the
# thin ones, wall, fence and pole.
classes13 = [
    *('road', 'sidewalk', 'building', 'traffic light', 'traffic sign', 'vegetation'),
    *('sky', 'person', 'rider', 'car', 'bus', 'motorcycle', 'bicycle'),
]
classes16 = [*classes13, 'wall', 'fence', 'pole']
val_evaluator = dict(
    type='GroupedIoUMetric',
    iou_metrics=['mIoU'],
    groups={'16': classes16, '13': classes13},
)
test_evaluator = val_evaluator
