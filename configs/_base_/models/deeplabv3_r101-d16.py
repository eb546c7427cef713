# DeepLabV3, ResNet-101, output stride 16 (MiB, section 6.2.2): the network of the
# authors' code, in-place ABN as batch norm and leaky ReLU. MMSegmentation's is
# `--cfg-options model.backbone.type=ResNet
# model.backbone.init_cfg.checkpoint=torchvision://resnet101
# model.decode_head.type=ASPPHead`.
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
        type='LeakyResNet',  # code: leaky ReLU of slope 0.01
        depth=101,
        num_stages=4,
        out_indices=(3,),
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        contract_dilation=False,  # as remembered of in-place ABN's ResNet, not read
        norm_cfg=norm_cfg,
        norm_eval=False,  # code: batch norm is not frozen in later steps
        style='pytorch',  # code: the stride is that of the 3x3 convolution
        init_cfg=dict(  # code: in-place ABN's file, by mib_to_mmseg.py
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/resnet101_mib.pth',
        ),
    ),
    decode_head=dict(
        type='DeepLabV3SumHead',  # code
        in_channels=2048,
        in_index=0,
        channels=256,
        dilations=(1, 6, 12, 18),  # code
        dropout_ratio=0,  # code: no dropout
        num_classes=21,
        norm_cfg=norm_cfg,
        align_corners=False,
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
