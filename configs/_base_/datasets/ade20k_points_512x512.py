# ADE20K, 150 classes, with the LID challenge's points in place of masks.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/ade/ADEChallengeData2016'
load_image = dict(type='LoadImageFromFile')
load_full = [load_image, dict(type='LoadAnnotations', reduce_zero_label=True)]
load_points = [
    load_image,
    dict(
        type='LoadPointAnnotations',
        ann_file=f'{data_root}/Point_Annotation_Relabeled',  # one .npy per image
        source_classes=151,
        # Squares of 5 x 5: single pixels may vanish when the label map is resized.
        radius=2,
    ),
]
augmentation = [
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
        type='ADE20KDataset',
        data_root=data_root,
        data_prefix=dict(
            img_path='images/training', seg_map_path='annotations/training'
        ),
        reduce_zero_label=True,
        pipeline=points_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=4,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
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
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
