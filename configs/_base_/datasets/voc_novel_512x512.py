# PASCAL VOC 2012 with the SBD masks (trainaug, 10582 images), PASCAL-5i (EUMS, section
# 4.1). Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/VOCdevkit/VOC2012'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # code: all images are squashed to 512 x 512 (cubic), scaled by 0.75 to 1.25, turned
    # by up to 5 degrees and flipped
    dict(type='Resize', scale=(512, 512), keep_ratio=False, interpolation='bicubic'),
    dict(
        type='RandomResize',
        scale=(512, 512),
        ratio_range=(0.75, 1.25),
        keep_ratio=True,
    ),
    # code: the border of a turned image is background
    dict(type='RandomRotate', prob=1.0, degree=5.0, pad_val=0, seg_pad_val=0),
    dict(type='RandomCrop', crop_size=(512, 512)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(512, 512), pad_val=dict(img=0, seg=255)),
    dict(type='PackSegInputs'),
]
# For clustering and ranking: image and label map of one size, nothing random.
plain_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(512, 512), keep_ratio=False, interpolation='bicubic'),
    dict(type='PackSegInputs'),
]
# Predicted at 512 x 512, scored at the original size (code: the offline evaluation).
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(512, 512), keep_ratio=False, interpolation='bicubic'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
# The images and loader of base training; the protocol makes the other datasets and
# samplers from it.
train_dataloader = dict(
    batch_size=16,  # section 4.1
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededSampler', shuffle=True),
    dataset=dict(
        type='NovelClassDataset',
        fold='pascal-5i_fold0',
        subset='base',
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
        type='NovelClassDataset',
        fold='pascal-5i_fold0',
        subset='val',
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
# The protocol sets the metrics.
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
