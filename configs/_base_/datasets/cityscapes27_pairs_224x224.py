# Cityscapes with 27 classes, pairs of crops; whole images are scored, or their centers.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/cityscapes'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # The size is not published: that of the evaluation, section 4.3.
    dict(type='Resize', scale=(640, 320), keep_ratio=False),
    dict(
        type='OverlappingCropPair',
        crop_size=224,  # section 4.2.2
        max_shift=112,  # code
        scale_range=(0.8, 1.2),  # code: width and height by themselves
        flip_prob=0.5,
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
    dict(type='LoadAnnotations'),
    # Section 4.3 resizes 1024 x 1024 pixels to 320 x 320; here the whole image alike.
    dict(type='Resize', scale=(640, 320), keep_ratio=False),
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
center_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='CenterCrop', crop_size=(1024, 1024)),  # section 4.3
    dict(type='Resize', scale=(320, 320), keep_ratio=False),  # section 4.3
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=64,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededSampler', shuffle=True),
    dataset=dict(
        type='SourceDataset',  # for the seed of each draw
        source='unlabeled',
        labeled=True,  # for the linear probe only
        dataset=dict(
            type='Cityscapes27Dataset',
            data_root=data_root,
            data_prefix=dict(img_path='leftImg8bit/train', seg_map_path='gtFine/train'),
            pipeline=train_pipeline,
        ),
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='Cityscapes27Dataset',
        data_root=data_root,
        data_prefix=dict(img_path='leftImg8bit/val', seg_map_path='gtFine/val'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    dict(
        type='ClusteringIoUMetric',
        num_clusters=27,
        maximize='pixels',  # code
    ),
    dict(type='LinearProbeIoUMetric', iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator
