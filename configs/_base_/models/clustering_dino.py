# Clusters on a frozen DINO ViT-S/8, and what other backbones change of it. The weights
# are DINO's after tools/model_converters/vit_to_mmpretrain.py.
model = dict(
    type='DiscriminativeClusteringSegmentor',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size_divisor=1,
    ),
    backbone=dict(
        type='DINOVisionTransformer',  # stock: 'mmpretrain.VisionTransformer'
        arch='deit-small',
        img_size=224,
        patch_size=8,
        out_type='featmap',  # the last layer's patch tokens (code)
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_vits8.pth',
        ),
    ),
    decode_head=dict(
        type='ClusteringHead',
        in_channels=384,
        num_classes=27,
        kernel_sizes=(3, 1),  # code
    ),
    auxiliary_head=dict(  # linear probe (code)
        type='ClusteringHead',
        in_channels=384,
        num_classes=27,
        kernel_sizes=(),
        align_corners=True,  # code: in training, and while it validates in training
    ),
    probe_features='head',  # code
    train_cfg=dict(),
    # Code: windows of 224 pixels with an overlap of 75, averaged over flips.
    test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(149, 149), flip=True),
)
# Of `tools/test.py --crf`: from comments in the code, whose figures are without a CRF.
# It refines each window; here the whole image is. None takes STEGO's.
dense_crf = dict(
    iterations=2,
    gaussian_weight=9.0,
    gaussian_std=2.0,
    bilateral_weight=4.0,
    bilateral_xy=75.0,
    bilateral_rgb=5.0,
)
vits16 = dict(
    backbone=dict(
        patch_size=16,
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_vits16.pth'),
    )
)
vitb8 = dict(
    backbone=dict(
        arch='deit-base',
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_vitb8.pth'),
    ),
    decode_head=dict(in_channels=768),
    auxiliary_head=dict(in_channels=768),
)
vitb16 = dict(
    vitb8,
    backbone=dict(
        arch='deit-base',
        patch_size=16,
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_vitb16.pth'),
    ),
)
ibot_vitb16 = dict(  # trained on ImageNet-1k
    vitb16,
    backbone=dict(
        vitb16['backbone'],
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/ibot_vitb16.pth'),
    ),
)
ibot_vitb16_in22k = dict(
    vitb16,
    backbone=dict(
        vitb16['backbone'],
        init_cfg=dict(
            checkpoint='{{$LABELFREE_DATA:data}}/weights/ibot_vitb16_in22k.pth'
        ),
    ),
)
# dino_xcit_small_12_p8_pretrain.pth after tools/model_converters/xcit_to_mmpretrain.py
xcits8 = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.XCiT',
        patch_size=8,
        embed_dims=384,
        depth=12,
        num_heads=8,
        tokens_norm=True,
        out_type='featmap',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_xcits8.pth',
        ),
    )
)
xcits16 = dict(  # dino_xcit_small_12_p16_pretrain.pth, likewise
    backbone=dict(
        xcits8['backbone'],
        patch_size=16,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_xcits16.pth',
        ),
    )
)
