# DeepLabV3+ for Cityscapes: an auxiliary head and hard pixels (U2PL's code).
_base_ = './deeplabv3plus_r101-d8.py'
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
