# PASCAL VOC 2012 trainaug, some images with labels (U2PL+, section 4.1).
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`. Partitions into
# labeled and unlabeled images: tools/make_partition.py, or lists of your own.
data_root = '{{$LABELFREE_DATA:data}}/VOCdevkit/VOC2012'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # code: 0.5 to 2.0 of the image's own size, no change of colors
    dict(type='RandomScale', ratio_range=(0.5, 2.0)),
    dict(type='RandomCrop', crop_size=(513, 513)),
    dict(type='RandomFlip', prob=0.5),
    # code: padded once normalized, with zeros (remembered); there on all sides
    dict(type='Pad', size=(513, 513), pad_val=dict(img=(104, 116, 124), seg=255)),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
# Section 4.1: the central 513 x 513 pixels; code: what a smaller image lacks is scored
# as background. Where it lies is ours: below and right.
center_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='CenterCrop', crop_size=(513, 513)),
    dict(type='Pad', size=(513, 513), pad_val=dict(img=(104, 116, 124), seg=0)),
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
images = dict(
    type='PascalVOCDataset',
    data_root=data_root,
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
    pipeline=train_pipeline,
)


def sources(partition):
    """Images with labels and images without, under the names of their sources."""
    labeled = dict(images, ann_file=f'{partition}/labeled.txt')
    unlabeled = dict(images, ann_file=f'{partition}/unlabeled.txt')
    return [
        dict(type='SourceDataset', source='labeled', dataset=labeled),
        dict(
            type='SourceDataset', source='unlabeled', labeled=False, dataset=unlabeled
        ),
    ]


partitions = {
    name: sources(f'ImageSets/Segmentation/{name}')
    for name in (
        'classic_92',
        'classic_183',
        'classic_366',
        'classic_732',
        'classic_1464',
        'blender_662',
        'blender_1323',
        'blender_2646',
        'blender_5291',
    )
}
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(
        type='MultiSourceSampler',
        source_counts=dict(labeled=4, unlabeled=4),
        epoch_source='unlabeled',
    ),
    dataset=dict(type='ConcatDataset', datasets=partitions['classic_92']),
)
labeled_only = dict(
    batch_size=4,
    sampler=dict(_delete_=True, type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(partitions['classic_92'][0], _delete_=True),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PascalVOCDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
