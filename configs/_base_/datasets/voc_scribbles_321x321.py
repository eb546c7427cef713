# PASCAL VOC 2012 trainaug with the scribbles of ScribbleSup in place of masks.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/VOCdevkit/VOC2012'
load_image = dict(type='LoadImageFromFile')
load_full = [load_image, dict(type='LoadAnnotations')]
load_scribbles = [
    load_image,
    dict(type='LoadScribbleAnnotations', folder=f'{data_root}/ScribbleSup/xml'),
]
augmentation = [
    # Scale of 0.5 to 2.0 of the image's own size, crops of 321, horizontal flips.
    dict(type='RandomScale', ratio_range=(0.5, 2.0)),
    dict(type='RandomCrop', crop_size=(321, 321)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(321, 321), pad_val=dict(img=0, seg=255)),
    dict(
        type='PackSegInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'image_classes'),
    ),
]
scribbles_pipeline = [*load_scribbles, *augmentation]
full_pipeline = [*load_full, *augmentation]
test_pipeline = [*load_full, dict(type='PackSegInputs')]
# Section 6.3.2: five scales, max voting (tools/test.py --tta).
tta_model = dict(type='MaxVotingTTAModel')
tta_pipeline = [
    load_image,
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale_factor=factor, keep_ratio=True)
                for factor in (0.5, 0.75, 1.0, 1.25, 1.5)
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
train_dataloader = dict(
    batch_size=10,  # section 6.3.2
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='PascalVOCDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/trainaug.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        pipeline=scribbles_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PascalVOCDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        pipeline=test_pipeline,
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
