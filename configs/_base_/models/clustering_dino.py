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
        type='ClusteringHead', in_channels=384, num_classes=27, kernel_sizes=()
    ),
    probe_features='head',  # code
    train_cfg=dict(),
    # Code: windows of 224 pixels with an overlap of 75, averaged over flips.
    test_cfg=dict(mode='slide', crop_size=(224, 224), stride=(149, 149), flip=True),
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
