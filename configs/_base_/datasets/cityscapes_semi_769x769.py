# Cityscapes, some images with labels (U2PL+, section 4.1).
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`. Partitions into
# labeled and unlabeled images: tools/make_partition.py, or lists of your own.
data_root = '{{$LABELFREE_DATA:data}}/cityscapes'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # code: 0.5 to 2.0 of the image's own size, no change of colors
    dict(type='RandomScale', ratio_range=(0.5, 2.0)),
    dict(type='RandomCrop', crop_size=(769, 769)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(769, 769), pad_val=dict(img=(104, 116, 124), seg=255)),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
images = dict(
    type='CityscapesDataset',
    data_root=data_root,
    data_prefix=dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
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
    name: sources(f'partitions/{name}') for name in ('186', '372', '744', '1488')
}
train_dataloader = dict(
    batch_size=4,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(
        type='MultiSourceSampler',
        source_counts=dict(labeled=2, unlabeled=2),
        epoch_source='unlabeled',
    ),
    dataset=dict(type='ConcatDataset', datasets=partitions['186']),
)
labeled_only = dict(
    batch_size=2,
    sampler=dict(_delete_=True, type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(partitions['186'][0], _delete_=True),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CityscapesDataset',
        data_root=data_root,
        data_prefix=dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
