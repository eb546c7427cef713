# COCO-Stuff in its 27 supercategories, pairs of crops; the curated lists of PiCIE.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/coco_stuff164k'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='OverlappingCropPair',
        crop_size=224,  # section 4.2.2
        max_shift=112,  # code
        scale_range=(0.8, 1.2),  # code: width and height by themselves
        flip_prob=0.5,
        enlarge_small=True,
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
            type='COCOStuff27Dataset',
            data_root=data_root,
            ann_file='curated/train2017/Coco164kFull_Stuff_Coarse_7.txt',
            data_prefix=dict(
                img_path='images/train2017', seg_map_path='annotations/train2017'
            ),
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
        type='COCOStuff27Dataset',
        data_root=data_root,
        ann_file='curated/val2017/Coco164kFull_Stuff_Coarse_7.txt',
        data_prefix=dict(img_path='images/val2017', seg_map_path='annotations/val2017'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = [
    # Code: prediction and label are resized to 320 x 320 (nearest) before counting.
    dict(
        type='SquashedClusteringIoUMetric',
        num_clusters=27,
        size=(320, 320),
        maximize='pixels',  # code
    ),
    dict(type='LinearProbeIoUMetric', size=(320, 320), iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator
