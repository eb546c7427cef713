# COCO 2014 with the classes of its images in place of masks.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/coco'
labels_file = f'{data_root}/cls_labels_onehot.npy'
# AFA's code: 0.5 to 2 times the image's own size, mirrored, a crop of 512 at a random
# place.
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='RandomScale', ratio_range=(0.5, 2.0)),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomPlaceCrop', size=(512, 512)),
    dict(type='PackSegInputs', meta_keys=('img_path', 'ori_shape', 'img_shape', 'box')),
]
# As for VOC: the longer side is 512.
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(512, 512), keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
images = dict(type='COCOObjectDataset', data_root=data_root)
train_dataloader = dict(
    batch_size=8,
    num_workers=4,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='ImageLabelDataset',
        labels=labels_file,
        dataset=dict(
            images,
            ann_file='train2014.txt',
            data_prefix=dict(
                img_path='train2014', seg_map_path='annotations/train2014'
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
        type='ImageLabelDataset',  # for the metrics of activation maps
        dataset=dict(
            images,
            ann_file='val2014.txt',
            data_prefix=dict(img_path='val2014', seg_map_path='annotations/val2014'),
            pipeline=test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
