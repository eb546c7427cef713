# The generated demo data with points or scribbles that are drawn from the masks.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/demo_voc'
load_image = dict(type='LoadImageFromFile')
load_full = [load_image, dict(type='LoadAnnotations')]
load_points = [*load_full, dict(type='SimulatePoints')]
load_scribbles = [*load_full, dict(type='SimulateScribbles')]
augmentation = [
    dict(type='RandomCrop', crop_size=(96, 96)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='Pad', size=(96, 96), pad_val=dict(img=0, seg=255)),
    dict(
        type='PackSegInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'image_classes'),
    ),
]
points_pipeline = [*load_points, *augmentation]
scribbles_pipeline = [*load_scribbles, *augmentation]
full_pipeline = [*load_full, *augmentation]
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='DemoVOCDataset',
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
        type='DemoVOCDataset',
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
