# DeepLabV3, ResNet-50 (EUMS, section 4.1), the network of the authors' code.
# MMSegmentation's head is `type='ASPPHead'`.
norm_cfg = dict(type='BN', requires_grad=True)  # one GPU in the paper
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_val=0,
        seg_pad_val=255,
        size=(512, 512),
    ),
    backbone=dict(
        type='ResNet',
        depth=50,
        num_stages=4,
        out_indices=(3,),
        strides=(1, 2, 1, 1),  # code: stride 8
        dilations=(1, 1, 2, 4),
        frozen_stages=2,  # section 4.1: layers 3 and 4 are trained
        norm_cfg=norm_cfg,
        # code: fixed statistics everywhere; weights of layers 3 and 4 are trained
        norm_eval=True,
        style='pytorch',
        contract_dilation=True,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
    ),
    decode_head=dict(
        type='DeepLabV3Head',
        in_channels=2048,
        in_index=0,
        channels=256,
        dilations=(1, 12, 24, 36),  # code
        dropout_ratio=0.5,  # code
        num_classes=21,
        norm_cfg=norm_cfg,
        align_corners=False,
        # As torch's: the mean over the pixels that are not ignored.
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
