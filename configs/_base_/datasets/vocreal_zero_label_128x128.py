# A small VOC subset in VOC layout, long side 256 pixels, some classes without labels.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/voc_real'
split = dict(
    seen=[
        'bottle',
        'car',
        'chair',
        'cow',
        'dog',
        'horse',
        'person',
        'pottedplant',
        'sofa',
        'tvmonitor',
    ],
    unseen=['cat', 'sheep'],
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
# The protocol sets split and background of every ZeroLabelDataset.
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='ZeroLabelDataset',
        split=split,
        dataset=dict(
            type='PascalVOCDataset',
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
        type='ZeroLabelDataset',
        split=split,
        dataset=dict(
            type='PascalVOCDataset',
            data_root=data_root,
            ann_file='ImageSets/Segmentation/val.txt',
            data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='GroupedIoUMetric', groups=dict())
test_evaluator = val_evaluator
