# PASCAL VOC 2012 with the SBD masks (trainaug, 10582 images), some classes without
# labels. Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/VOCdevkit/VOC2012'
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    # Code: squashed to 513 x 513, then scaled by 0.5 to 1.5 and cropped to 321. Here
    # the longer side becomes 513, since the test keeps the proportions, too.
    dict(
        type='RandomResize',
        scale=(513, 513),
        ratio_range=(0.5, 1.5),
        keep_ratio=True,
    ),
    dict(type='RandomCrop', crop_size=(321, 321)),
    dict(type='RandomFlip', prob=0.5),  # the code flips 90 %, by a mistake
    dict(type='Pad', size=(321, 321), pad_val=dict(img=0, seg=255)),
    dict(type='PackSegInputs'),
]
test_pipeline = [  # whole images at their own size
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
# The protocol sets split and background of every ZeroLabelDataset.
train_dataloader = dict(
    # Section 4. Code: 2 on each of 4 GPUs; rates go with the images of all GPUs, so set
    # 2 there.
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='ZeroLabelDataset',
        split='voc_15-5',
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
        type='ZeroLabelDataset',
        split='voc_15-5',
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
