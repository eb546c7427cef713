# Labelled images only (SupOnly), Cityscapes, 186 labels (Table 2: 65.74).
_base_ = [
    '../_base_/models/deeplabv3plus_r101-d8.py',
    '../_base_/datasets/cityscapes_semi_769x769.py',
    '../_base_/schedules/u2pl_voc.py',
    '../_base_/methods/u2pl.py',
    '../_base_/default_runtime.py',
]
crop_size = (769, 769)
model = dict(
    data_preprocessor=dict(size=crop_size),
    decode_head=dict(
        num_classes=19,
        # code: OHEM, threshold 0.7, at least 100,000 pixels
        sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=100000),
    ),
    auxiliary_head=dict(  # code: on the third stage, weight 0.4
        type='FCNHead',
        in_channels=1024,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=dict(type='SyncBN', requires_grad=True),
        align_corners=True,
        sampler=dict(type='OHEMPixelSampler', thresh=0.7, min_kept=100000),
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4),
    ),
    # Sliding window of 769 with a third of overlap on 1024 x 2048 (code).
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(513, 513)),
)
# Section 4.1: 0.01 and 5e-4; code: one rate for all layers, 2 + 2 images on 8 GPUs.
optim_wrapper = dict(
    optimizer=dict(lr=0.01, weight_decay=5e-4), paramwise_cfg=dict(_delete_=True)
)
partition = 'partitions/186'
labeled = dict(
    type='SourceDataset',
    source='labeled',
    dataset=dict(_base_.images, ann_file=f'{partition}/labeled.txt'),
)
train_dataloader = dict(dataset=labeled)
train_cfg = dict(max_iters=34800, val_interval=5000)
param_scheduler = [dict(type='PolyLR', power=0.9, end=34800, by_epoch=False)]
