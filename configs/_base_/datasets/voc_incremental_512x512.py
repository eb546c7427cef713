# PASCAL VOC 2012 with the SBD masks (trainaug, 10582 images), for incremental steps.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/VOCdevkit/VOC2012'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # code: torchvision-style crop of 0.5-2.0 times the image's area
    dict(
        type='RandomAreaCrop', size=(512, 512), scale=(0.5, 2.0), ratio=(3 / 4, 4 / 3)
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
# Section 6.2.2 and code: shorter side to 512, center crop of 512, scored on the crop.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(100000, 512), keep_ratio=True),
    dict(type='CenterCrop', crop_size=(512, 512)),
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
# The protocol sets task, step and setup of every IncrementalDataset.
train_dataloader = dict(
    batch_size=12,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededSampler', shuffle=True),
    dataset=dict(
        type='IncrementalDataset',
        task='voc_15-5',
        step=0,
        void='background',  # code: 255 is trained as background
        dataset=dict(
            type='PascalVOCDataset',
            data_root=data_root,
            ann_file='ImageSets/Segmentation/trainaug.txt',
            data_prefix=dict(
                img_path='JPEGImages', seg_map_path='SegmentationClassAug'
            ),
            pipeline=train_pipeline,
        ),
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='IncrementalDataset',
        task='voc_15-5',
        step=0,
        void='ignore',
        future='ignore',  # code: future classes are not scored in intermediate tests
        dataset=dict(
            type='PascalVOCDataset',
            data_root=data_root,
            ann_file='ImageSets/Segmentation/val.txt',
            data_prefix=dict(
                img_path='JPEGImages', seg_map_path='SegmentationClassAug'
            ),
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='GroupedIoUMetric', groups=dict())
test_evaluator = val_evaluator
