# DeepLabV2 among word vectors as the codes of SPNet and STRICT run it: ResNet-101 in
# Caffe's style, output stride 8, on BGR images less their mean. At the start it has
# Caffe's ImageNet weights. deeplabv2_r101-d8.py is the same in PyTorch's style.
# A bundle adds embeddings and loss.
norm_cfg = dict(type='BN', momentum=0.999, requires_grad=False)  # code: frozen
model = dict(
    type='EncoderDecoder',
    data_preprocessor=dict(
        type='SegDataPreProcessor',
        mean=[104.008, 116.669, 122.675],
        std=[1.0, 1.0, 1.0],
        bgr_to_rgb=False,
        pad_val=0,
        seg_pad_val=255,
        size=(321, 321),
    ),
    backbone=dict(
        type='CeilPoolResNet',
        depth=101,
        num_stages=4,
        out_indices=(3,),
        strides=(1, 2, 1, 1),
        dilations=(1, 1, 2, 4),
        norm_cfg=norm_cfg,
        norm_eval=True,  # code: statistics, too, while there are pseudo-labels
        style='caffe',  # the stride is on the first 1x1 convolution
        contract_dilation=False,  # code: the first block of a stage is dilated as well
        init_cfg=dict(
            type='Pretrained', checkpoint='open-mmlab://detectron2/resnet101_caffe'
        ),
    ),
    decode_head=dict(
        type='SemanticProjectionHead',
        loss_size='logits',  # code: at 1/8 of the resolution
        head=dict(
            type='DeepLabV2Head',
            in_channels=2048,
            in_index=0,
            dilations=(6, 12, 18, 24),
            align_corners=False,  # code: at test; labels lie corner on corner
        ),
    ),
    train_cfg=dict(),
    test_cfg=dict(mode='whole'),
)
