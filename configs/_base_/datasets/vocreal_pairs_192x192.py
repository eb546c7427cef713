# A small VOC subset, 12 classes and background, pairs of crops.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
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
    dict(type='ResizeShortestEdge', scale=240, max_size=1000),
    dict(
        type='OverlappingCropPair',
        crop_size=192,
        max_shift=96,
        scale_range=(0.8, 1.2),
        flip_prob=0.5,
        enlarge_small=True,  # one image of 1000x219
    ),
    dict(
        type='PackSegInputs',
        meta_keys=(
            'img_path',
            'ori_shape',
            'img_shape',
            'scale_factor',
            'crop_overlap',
        ),
    ),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeShortestEdge', scale=240, max_size=1000),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='SourceDataset',  # for the seed of each draw
        source='unlabeled',
        labeled=True,  # for the linear probe only
        dataset=dict(
            type='PascalVOCDataset',
            metainfo=metainfo,
            data_root=data_root,
            ann_file='ImageSets/Segmentation/train.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
            pipeline=train_pipeline,
        ),
    ),
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
val_evaluator = [
    dict(
        type='ClusteringIoUMetric',
        num_clusters=13,
        maximize='pixels',  # code
    ),
    dict(type='LinearProbeIoUMetric', iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator
