# Clusters on a frozen thin ViT that configs/iddc/mocov3_vitthin8_*.py has trained
# without labels, patches of 8 pixels, for CPUs.
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
        test_cfg=dict(size_divisor=8),
    ),
    backbone=dict(
        type='mmpretrain.VisionTransformer',
        arch=dict(
            embed_dims=192, num_layers=6, num_heads=3, feedforward_channels=768
        ),
        img_size=64,
        patch_size=8,
        out_type='featmap',
        init_cfg=dict(type='Pretrained', prefix='backbone.'),
    ),
    decode_head=dict(  # linear, as in the ablations (section 4.4)
        type='ClusteringHead', in_channels=192, num_classes=11, kernel_sizes=()
    ),
    auxiliary_head=dict(
        type='ClusteringHead', in_channels=192, num_classes=11, kernel_sizes=()
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
