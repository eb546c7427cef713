# DeepLabV3 head on an ImageNet MobileNetV2, output stride 16, for CPUs. The weights are
# torchvision's after tools/model_converters/mobilenet_v2_to_mmseg.py.
norm_cfg = dict(type='BN', requires_grad=True)
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=None,
        size_divisor=16,
        test_cfg=dict(size_divisor=16),
    ),
    backbone=dict(
        type='MobileNetV2',
        widen_factor=1.0,
        strides=(1, 2, 2, 2, 1, 1, 1),
        dilations=(1, 1, 1, 1, 1, 2, 2),
        frozen_stages=3,  # up to stride 8 ImageNet's are kept: halves a step on a CPU
        out_indices=(4, 6),  # two, since a single one is not returned as a tuple
        norm_cfg=norm_cfg,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/mobilenet_v2_imagenet.pth',
        ),
    ),
    decode_head=dict(
        type='ASPPHead',
        in_channels=320,
        in_index=1,
        channels=64,
        dilations=(1, 3, 6, 9),
        dropout_ratio=0.1,
        num_classes=21,
        norm_cfg=norm_cfg,
        align_corners=False,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
