# CamVid by day with labels, and without at night, which AppearanceShift makes of it. Of
# the training images every other one is of the source, the rest of the target.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/camvid'
crop_size = (192, 192)
night = dict(type='AppearanceShift', gamma=2.2, gains=(0.5, 0.65, 0.9), noise=10.0)


def train_pipeline(light=(), recolor=()):
    """Crops by day, at night, or in other colors."""
    return [
        dict(type='LoadImageFromFile'),
        *light,
        dict(type='LoadAnnotations'),  # left out where the target is unlabeled
        dict(
            type='RandomResize',
            scale=(480, 480),
            ratio_range=(0.75, 1.5),
            keep_ratio=True,
        ),
        dict(type='RareClassCrop', crop_size=crop_size, min_pixels=150),
        dict(type='RandomFlip', prob=0.5),
        *recolor,
        dict(type='PackSegInputs'),
    ]


test_pipeline = [
    dict(type='LoadImageFromFile'),
    night,
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
images = dict(
    type='CamVidDataset',
    data_root=data_root,
    data_prefix=dict(img_path='images/train', seg_map_path='labels/train'),
)
day_images = dict(images, indices=list(range(0, 367, 2)), pipeline=train_pipeline())
night_images = dict(
    images, indices=list(range(1, 367, 2)), pipeline=train_pipeline([night])
)
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(
        type='MultiSourceSampler',
        source_counts=dict(source=4, target=4),
        epoch_source='target',
        rare_class_sampling=dict(source=dict(temperature=0.01, min_pixels=300)),
    ),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(type='SourceDataset', source='source', dataset=day_images),
            dict(
                type='SourceDataset',
                source='target',
                labeled=False,
                dataset=night_images,
            ),
        ],
    ),
)


def labeled_only(images, source):
    """Loader of one domain with labels, every image once a pass."""
    return dict(
        batch_size=4,
        sampler=dict(_delete_=True, type='SeededInfiniteSampler', shuffle=True),
        dataset=dict(
            _delete_=True, type='SourceDataset', source=source, dataset=images
        ),
    )


# The loaders of what a method is compared with: the source alone, the source in other
# colors, and the target with its labels.
source_only = labeled_only(day_images, 'source')
recolored_source_only = labeled_only(
    dict(day_images, pipeline=train_pipeline((), [dict(type='PhotoMetricDistortion')])),
    'source',
)
oracle = labeled_only(night_images, 'target')
# Crops of the target, for the statistics of batch norm (AdaBN).
target_only = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type='SeededSampler', shuffle=True),
    dataset=train_dataloader['dataset']['datasets'][1],
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CamVidDataset',
        data_root=data_root,
        data_prefix=dict(img_path='images/val', seg_map_path='labels/val'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
