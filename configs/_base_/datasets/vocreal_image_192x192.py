# A small VOC subset, 12 classes and background, with the classes of its images in place
# of masks; they come from these masks.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
data_root = '{{$LABELFREE_DATA:data}}/voc_real'
metainfo = dict(
    classes=(
        *('background', 'bottle', 'car', 'cat', 'chair', 'cow', 'dog', 'horse'),
        *('person', 'pottedplant', 'sheep', 'sofa', 'tvmonitor'),
    )
)
load_full = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations')]
augmentation = [
    dict(
        type='RandomResize', scale=(256, 256), ratio_range=(0.5, 2.0), keep_ratio=True
    ),
    dict(type='RandomFlip', prob=0.5),
    dict(type='RandomPlaceCrop', size=(192, 192)),
    dict(type='PackSegInputs', meta_keys=('img_path', 'ori_shape', 'img_shape', 'box')),
]
train_pipeline = [dict(type='LoadImageFromFile'), *augmentation]
full_pipeline = [*load_full, *augmentation]
pseudo_pipeline = [  # label maps of an earlier stage
    dict(type='LoadImageFromFile'),
    dict(type='LoadPseudoAnnotations'),
    *augmentation,
]
images = dict(
    type='PascalVOCDataset',
    metainfo=metainfo,
    data_root=data_root,
    data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
)
train_dataloader = dict(
    batch_size=16,
    num_workers=0,
    persistent_workers=False,
    drop_last=True,
    sampler=dict(type='SeededInfiniteSampler', shuffle=True),
    dataset=dict(
        type='ImageLabelDataset',
        labels='masks',
        unlabeled='skip',  # photographs of other classes
        dataset=dict(
            images,
            ann_file='ImageSets/Segmentation/train.txt',
            pipeline=train_pipeline,
        ),
    ),
)
val_dataloader = dict(
    batch_size=1,
    num_workers=0,
    persistent_workers=False,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ImageLabelDataset',  # for the metrics of activation maps
        dataset=dict(
            images,
            ann_file='ImageSets/Segmentation/val.txt',
            pipeline=[*load_full, dict(type='PackSegInputs')],
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader
val_evaluator = dict(type='IoUMetric', iou_metrics=['mIoU'])
test_evaluator = val_evaluator
