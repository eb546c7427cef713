# CamVid, 11 classes, some images with labels.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`. Which images have
# labels is drawn where there are no lists (tools/make_partition.py, or your own).
data_root = '{{$LABELFREE_DATA:data}}/camvid'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomResize',
        scale=(480, 480),
        ratio_range=(0.75, 1.5),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=(192, 192)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(192, 192), pad_val=dict(img=0, seg=255)),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
images = dict(
    type='CamVidDataset',
    data_root=data_root,
    data_prefix=dict(img_path='images/train', seg_map_path='labels/train'),
    pipeline=train_pipeline,
)


def sources(partition):
    """Images with labels and images without, under the names of their sources."""
    folder = partition['folder']
    labeled = dict(images, ann_file=f'{folder}/labeled.txt')
    unlabeled = dict(images, ann_file=f'{folder}/unlabeled.txt')
    source = dict(type='SourceDataset', partition=partition)
    return [
        dict(source, source='labeled', dataset=labeled),
        dict(source, source='unlabeled', labeled=False, dataset=unlabeled),
    ]


partition = sources(dict(folder='partitions/1-8', ratio='1/8', seed=0))
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(
        type='MultiSourceSampler',
        source_counts=dict(labeled=4, unlabeled=4),
        epoch_source='unlabeled',
    ),
    dataset=dict(type='ConcatDataset', datasets=partition),
)
labeled_only = dict(
    batch_size=4,
    sampler=dict(_delete_=True, type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(partition[0], _delete_=True),
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
