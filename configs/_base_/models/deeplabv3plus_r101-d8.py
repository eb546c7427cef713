# DeepLabV3+, ResNet-101, output stride 8 (U2PL+, section 4.1; the rest is the code's):
# the authors' network. MMSegmentation's, with depthwise separable convolutions, has
# `type='DepthwiseSeparableASPPHead'` and, in the bundles, `layer='sep_bottleneck'`; its
# ImageNet weights, `open-mmlab://resnet101_v1c`, have `stem_channels=64`.
norm_cfg = dict(type='SyncBN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(513, 513),
    ),
    backbone=dict(
        type='CeilPoolResNet',
        depth=101,
        deep_stem=True,  # code
        stem_channels=128,  # code
        num_stages=4,
        out_indices=(0, 1, 2, 3),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        multi_grid=(4, 8, 16),  # code: 2, 2 and 4 times 2, 4 and 4
        contract_dilation=True,
        norm_cfg=norm_cfg,
        style='pytorch',
        init_cfg=dict(  # code: the authors' file, by u2pl_to_mmseg.py
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/resnet101_u2pl.pth',
        ),
    ),
    decode_head=dict(
        type='DeepLabV3PlusHead',
        in_channels=2048,
        in_index=3,
        channels=256,
        dilations=(1, 12, 24, 36),  # code
        c1_in_channels=256,
        c1_channels=256,  # code
        dropout_ratio=0.1,  # code
        num_classes=21,
        norm_cfg=norm_cfg,
        align_corners=True,  # code
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
