# The generated demo data in two looks: 'plain' with labels, 'dusk' without.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}'
crop_size = (96, 96)


def train_pipeline(*recolor):
    """Crops, as they are or in other colors."""
    return [
        dict(type='LoadImageFromFile'),
        dict(type='LoadAnnotations'),  # left out where the target is unlabeled
        dict(type='RareClassCrop', crop_size=crop_size, min_pixels=150),
        dict(type='RandomFlip', prob=0.5),
        *recolor,
        dict(type='PackSegInputs'),
    ]


test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
prefix = dict(img_path='JPEGImages', seg_map_path='SegmentationClass')
source_images = dict(
    type='DemoVOCDataset',
    data_root=f'{data_root}/demo_voc',
    data_prefix=prefix,
    pipeline=train_pipeline(),
)
target_images = dict(
    source_images, data_root=f'{data_root}/demo_voc_dusk', style='dusk', seed=1
)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(
        type='MultiSourceSampler',
        source_counts=dict(source=8, target=8),
        epoch_source='target',
        rare_class_sampling=dict(source=dict(temperature=0.01, min_pixels=300)),
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
        batch_size=8,
        sampler=dict(_delete_=True, type='SeededInfiniteSampler', shuffle=True),
        dataset=dict(
            _delete_=True, type='SourceDataset', source=source, dataset=images
        ),
    )


# The loaders of what a method is compared with: the source alone, the source in other
# colors, and the target with its labels.
source_only = labeled_only(source_images, 'source')
recolored_source_only = labeled_only(
    dict(source_images, pipeline=train_pipeline(dict(type='PhotoMetricDistortion'))),
    'source',
)
oracle = labeled_only(target_images, 'target')
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
        target_images,
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
