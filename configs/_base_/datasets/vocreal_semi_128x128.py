# A small VOC subset, 12 classes and background, some images with labels.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`. Which images have
# labels is drawn where there are no lists (tools/make_partition.py, or your own).
data_root = '{{$LABELFREE_DATA:data}}/voc_real'
metainfo = dict(
    classes=(
        'background',
        'bottle',
        'car',
        'cat',
        'chair',
        'cow',
        'dog',
        'horse',
        'person',
        'pottedplant',
        'sheep',
        'sofa',
        'tvmonitor',
    )
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomResize',
        scale=(256, 256),
        ratio_range=(0.7, 1.4),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=(128, 128)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(128, 128), pad_val=dict(img=0, seg=255)),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
images = dict(
    type='PascalVOCDataset',
    metainfo=metainfo,
    data_root=data_root,
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
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


partitions = {
    name: sources(
        dict(
            folder=f'ImageSets/Segmentation/train_{name}_balanced_seed0',
            ann_file='ImageSets/Segmentation/train.txt',
            ratio=name.replace('-', '/'),
            balanced=True,
            seed=0,
        )
    )
    for name in ('1-16', '1-8')
}
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(
        type='MultiSourceSampler',
        source_counts=dict(labeled=8, unlabeled=8),
        epoch_source='unlabeled',
    ),
    dataset=dict(type='ConcatDataset', datasets=partitions['1-16']),
)
labeled_only = dict(
    batch_size=8,
    sampler=dict(_delete_=True, type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(partitions['1-16'][0], _delete_=True),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PascalVOCDataset',
        metainfo=metainfo,
        data_root=data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
