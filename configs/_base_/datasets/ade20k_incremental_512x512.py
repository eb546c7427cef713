# ADE20K, 150 classes, for incremental steps.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/ade/ADEChallengeData2016'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # code (VOC, ADE20K): torchvision-style crop of 0.5-2.0 times the image's area
    dict(
        type='RandomAreaCrop', size=(512, 512), scale=(0.5, 2.0), ratio=(3 / 4, 4 / 3)
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    # Section 6.2.2 and code: shorter side to 512, center crop of 512, scored on it.
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
        task='ade20k_100-50',
        step=0,
        void='background',  # code: label 0 is trained as background
        dataset=dict(
            type='ADE20KDataset',
            data_root=data_root,
            data_prefix=dict(
                img_path='images/training', seg_map_path='annotations/training'
            ),
            reduce_zero_label=True,
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
        task='ade20k_100-50',
        step=0,
        void='ignore',  # code: background is not scored
        future='ignore',  # MiB's code: future classes are not scored
        dataset=dict(
            type='ADE20KDataset',
            data_root=data_root,
            data_prefix=dict(
                img_path='images/validation', seg_map_path='annotations/validation'
            ),
            reduce_zero_label=True,
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='GroupedIoUMetric', groups=dict())
test_evaluator = val_evaluator
