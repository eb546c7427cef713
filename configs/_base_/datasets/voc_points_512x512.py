# PASCAL VOC 2012 trainaug with the points of "What's the Point" in place of masks.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/VOCdevkit/VOC2012'
load_image = dict(type='LoadImageFromFile')
load_full = [load_image, dict(type='LoadAnnotations')]
load_points = [
    load_image,
    dict(
        type='LoadPointAnnotations',
        ann_file=f'{data_root}/whats_the_point/data/pascal2012_trainval_main.json',
        # An option of the authors' datasets: squares of 5 x 5, since single pixels may
        # vanish when the label map is resized.
        radius=2,
    ),
]
augmentation = [
    # Section 6.3.1: crops of 512 as in the incremental part, whose code has these.
    dict(
        type='RandomAreaCrop', size=(512, 512), scale=(0.5, 2.0), ratio=(3 / 4, 4 / 3)
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='PackSegInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'image_classes'),
    ),
]
points_pipeline = [*load_points, *augmentation]
full_pipeline = [*load_full, *augmentation]
# As section 6.2.2 and its code: shorter side to 512, center crop of 512, scored on it.
test_pipeline = [
    *load_full,
    dict(type='Resize', scale=(100000, 512), keep_ratio=True),
    dict(type='CenterCrop', crop_size=(512, 512)),
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(
    batch_size=12,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededSampler', shuffle=True),
    dataset=dict(
        type='PascalVOCDataset',
        data_root=data_root,
        ann_file='ImageSets/Segmentation/trainaug.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClassAug'),
        pipeline=points_pipeline,
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
