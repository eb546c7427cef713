# A small VOC subset with one human point for each animal, in the format of "What's the
# Point". Pixels of classes without points are ignored.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/voc_real'
metainfo = dict(classes=('background', 'cat', 'cow', 'dog', 'horse', 'sheep'))
load_image = dict(type='LoadImageFromFile')
load_full = [load_image, dict(type='LoadAnnotations')]
load_points = [
    load_image,
    dict(
        type='LoadPointAnnotations',
        ann_file=f'{data_root}/points.json',
        radius=2,
        invalid='skip',  # three images have no point
    ),
]
augmentation = [
    dict(
        type='RandomAreaCrop', size=(192, 192), scale=(0.5, 2.0), ratio=(3 / 4, 4 / 3)
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='PackSegInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'image_classes'),
    ),
]
points_pipeline = [*load_points, *augmentation]
full_pipeline = [*load_full, *augmentation]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='PascalVOCDataset',
        metainfo=metainfo,
        data_root=data_root,
        ann_file='ImageSets/Segmentation/train.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=points_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='PascalVOCDataset',
        metainfo=metainfo,
        data_root=data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=[*load_full, dict(type='PackSegInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
