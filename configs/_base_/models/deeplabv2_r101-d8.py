# DeepLabV2, ResNet-101, output stride 8 (MiB, section 6.3.2, for scribbles; STRICT).
# The weights are torchvision's from ImageNet. What the papers leave open follows
# DeepLabV2 (arXiv:1606.00915) and its public code.
norm_cfg = dict(type='BN', requires_grad=False)  # code: scale and shift are frozen
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(321, 321),  # section 6.3.2: crops of 321 x 321
    ),
    backbone=dict(
        type='ResNet',  # one 7x7 convolution and max-pooling, not the stem of V1c
        depth=101,
        num_stages=4,
        out_indices=(3,),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        norm_cfg=norm_cfg,
        norm_eval=True,  # code: as are the statistics
        style='pytorch',
        contract_dilation=False,  # code: the first block of a stage is dilated as well
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet101'),
    ),
    decode_head=dict(
        type='DeepLabV2Head',
        in_channels=2048,
        in_index=0,
        dilations=(6, 12, 18, 24),  # ASPP-L
        num_classes=21,
        # Bilinear upsampling. 321 = 8 * 40 + 1: corners of features and crop coincide.
        align_corners=True,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
