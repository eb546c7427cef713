# A small VOC subset, 12 classes and background: every other photograph of the training
# images with labels, at night, which AppearanceShift makes of it; the rest by day,
# without labels.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/voc_real'
crop_size = (192, 192)
night = dict(type='AppearanceShift', gamma=2.2, gains=(0.5, 0.65, 0.9), noise=10.0)
metainfo = dict(
    classes=(
        *('background', 'bottle', 'car', 'cat', 'chair', 'cow', 'dog', 'horse'),
        *('person', 'pottedplant', 'sheep', 'sofa', 'tvmonitor'),
    )
)


def train_pipeline(*light):
    """Crops by day or at night."""
    return [
        dict(type='LoadImageFromFile'),
        *light,
        dict(type='LoadAnnotations'),  # left out where the target is unlabeled
        dict(
            type='RandomResize',
            scale=(2000, 256),  # the shorter side, for crops of 192
            ratio_range=(0.8, 1.6),
            keep_ratio=True,
        ),
        dict(type='RareClassCrop', crop_size=crop_size, min_pixels=150),
        dict(type='RandomFlip', prob=0.5),
        dict(type='PackSegInputs'),
    ]


images = dict(
    type='PascalVOCDataset',
    metainfo=metainfo,
    data_root=data_root,
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
)
train_images = dict(images, ann_file='ImageSets/Segmentation/train.txt')
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(
        type='MultiSourceSampler',
        source_counts=dict(source=8, target=8),
        epoch_source='target',
        rare_class_sampling=dict(source=dict(temperature=0.01, min_pixels=300)),
    ),
    dataset=dict(
        type='ConcatDataset',
        datasets=[
            dict(
                type='SourceDataset',
                source='source',
                dataset=dict(
                    train_images,
                    indices=list(range(0, 2831, 2)),
                    pipeline=train_pipeline(night),
                ),
            ),
            dict(
                type='SourceDataset',
                source='target',
                labeled=False,
                dataset=dict(
                    train_images,
                    indices=list(range(1, 2831, 2)),
                    pipeline=train_pipeline(),
                ),
            ),
        ],
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        images,
        ann_file='ImageSets/Segmentation/val.txt',
        pipeline=[
            dict(type='LoadImageFromFile'),
            dict(type='LoadAnnotations'),
            dict(type='PackSegInputs'),
        ],
        test_mode=True,
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
