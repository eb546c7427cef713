# PASCAL VOC 2012 with the SBD masks (trainaug, 10582 images), for SSUL's incremental
# steps. Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/VOCdevkit/VOC2012'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(  # code: one 8-bit map for each training image
        type='LabelSalientPixels',
        saliency=dict(
            type='SaliencyFolder', folder=f'{data_root}/saliency_supervised_model'
        ),
        threshold=0.0,  # code: any value above 0
    ),
    dict(type='RandomScale', ratio_range=(0.5, 2.0)),  # code: of the image's own size
    dict(type='RandomCrop', crop_size=(513, 513)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(513, 513), pad_val=dict(img=0, seg=0)),  # code
    dict(type='PackSegInputs'),
]
# code: shorter side to 513, center crop of 513, scored on the crop
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(100000, 513), keep_ratio=True),
    dict(type='CenterCrop', crop_size=(513, 513)),
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
# The protocol sets task, step and setup of every IncrementalDataset.
train_dataloader = dict(
    batch_size=32,
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededSampler', shuffle=True),
    dataset=dict(
        type='IncrementalDataset',
        task='voc_15-1',
        step=0,
        void='ignore',  # code: 255 stays 255
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
        task='voc_15-1',
        step=0,
        void='ignore',
        future='ignore',
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
