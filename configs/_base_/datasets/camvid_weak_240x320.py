# CamVid, 11 classes, with points or scribbles that are drawn from the masks. A scene is
# parsed whole: there is no background class.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/camvid'
load_image = dict(type='LoadImageFromFile')
load_full = [load_image, dict(type='LoadAnnotations')]
# Void is none of the classes, and nobody marks specks.
simulation = dict(background=True, min_area=20, void='ignore')
load_points = [*load_full, dict(type='SimulatePoints', radius=1, **simulation)]
load_scribbles = [*load_full, dict(type='SimulateScribbles', **simulation)]
augmentation = [
    dict(type='RandomAreaCrop', size=(240, 320), scale=(0.5, 2.0), ratio=(1.2, 1.5)),
    dict(type='RandomFlip', prob=0.5),
    dict(
        type='PackSegInputs',
        meta_keys=('img_path', 'ori_shape', 'img_shape', 'image_classes'),
    ),
]
points_pipeline = [*load_points, *augmentation]
scribbles_pipeline = [*load_scribbles, *augmentation]
full_pipeline = [*load_full, *augmentation]
train_dataloader = dict(
    batch_size=4,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='CamVidDataset',
        data_root=data_root,
        data_prefix=dict(img_path='images/train', seg_map_path='labels/train'),
        pipeline=points_pipeline,
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='CamVidDataset',
        data_root=data_root,
        data_prefix=dict(img_path='images/val', seg_map_path='labels/val'),
        pipeline=[*load_full, dict(type='PackSegInputs')],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
