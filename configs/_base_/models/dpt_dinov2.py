# DPT on DINOv2's ViT-B/14, as UniMatch V2 has it (code), and what ViT-S/14 changes. The
# weights are DINOv2's after tools/model_converters/vit_to_mmpretrain.py.
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size_divisor=14,
        test_cfg=dict(size_divisor=14),
    ),
    backbone=dict(
        type='DINOVisionTransformer',
        arch='base',
        img_size=518,
        patch_size=14,
        layer_scale_init_value=1e-5,
        out_indices=(2, 5, 8, 11),  # code: each of them normalized
        out_type='featmap',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/dinov2_vitb14.pth',
        ),
    ),
    decode_head=dict(
        type='PatchDPTHead',
        in_channels=[768, 768, 768, 768],
        in_index=[0, 1, 2, 3],
        level_channels=[96, 192, 384, 768],
        channels=128,
        num_classes=21,
        dropout_ratio=0.0,
        align_corners=True,
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
        init_cfg=None,  # torch's own
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
dinov2_s = dict(
    backbone=dict(
        arch='dinov2-small',
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/dinov2_vits14.pth'),
    ),
    decode_head=dict(
        in_channels=[384, 384, 384, 384],
        level_channels=[48, 96, 192, 384],
        channels=64,
    ),
)
