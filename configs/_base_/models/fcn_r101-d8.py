# Dilated ResNet-101, output stride 8, a 1 x 1 classifier and bilinear interpolation
# (MiB, sections 6.3.1 and 6.3.3), from the weights of in-place ABN's authors, which are
# those of a network with leaky ReLU. MMSegmentation's is `--cfg-options
# model.backbone.type=ResNet
# model.backbone.init_cfg.checkpoint=torchvision://resnet101`.
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
        size=(512, 512),
    ),
    backbone=dict(
        type='LeakyResNet',
        depth=101,
        num_stages=4,
        out_indices=(3,),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        norm_cfg=norm_cfg,
        style='pytorch',
        contract_dilation=False,  # as remembered of in-place ABN's ResNet, not read
        init_cfg=dict(  # by mib_to_mmseg.py
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/resnet101_mib.pth',
        ),
    ),
    decode_head=dict(
        type='FCNHead',
        num_convs=0,
        concat_input=False,
        in_channels=2048,
        channels=2048,
        in_index=0,
        dropout_ratio=0,
        num_classes=21,
        norm_cfg=norm_cfg,
        align_corners=False,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
