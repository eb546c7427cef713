# Clusters on a frozen ImageNet MobileNetV2, output stride 16, for CPUs. The weights are
# torchvision's after tools/model_converters/mobilenet_v2_to_mmseg.py.
norm_cfg = dict(type='BN', requires_grad=True)
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
        test_cfg=dict(size_divisor=16),
    ),
    backbone=dict(
        type='MobileNetV2',
        widen_factor=1.0,
        strides=(1, 2, 2, 2, 1, 1, 1),
        dilations=(1, 1, 1, 1, 1, 2, 2),
        out_indices=(4, 5),  # two, since a single one is not returned as a tuple
        norm_cfg=norm_cfg,
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/mobilenet_v2_imagenet.pth',
        ),
    ),
    decode_head=dict(  # linear, as in the ablations (section 4.4)
        type='ClusteringHead', in_channels=160, num_classes=11, kernel_sizes=()
    ),
    auxiliary_head=dict(
        type='ClusteringHead', in_channels=160, num_classes=11, kernel_sizes=()
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
