# MoCo v3 of MMPretrain on a thin ViT: patches of 8 pixels, 6 layers of 192 channels and
# 3 heads, where DeiT-tiny has 12. Two views of an image are to have features that a
# momentum copy of the network can tell from those of the other images of the batch.
# After MMPretrain's mocov3_vit-small-p16, with projections of a quarter of its width.
temperature = 0.2
# MoCoV3ViT freezes its positions after the processes have shared out the parameters.
find_unused_parameters = True
projection = dict(
    type='NonLinearNeck',
    hid_channels=1024,
    out_channels=128,
    with_bias=False,
    with_last_bn=True,
    with_last_bn_affine=False,
    with_last_bias=False,
    with_avg_pool=False,
)
model = dict(
    type='MoCoV3',
    base_momentum=0.01,  # of the new weights; falls to 0 by a cosine
    data_preprocessor=dict(
        type='SelfSupDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        to_rgb=True,
    ),
    backbone=dict(
        type='MoCoV3ViT',
        arch=dict(embed_dims=192, num_layers=6, num_heads=3, feedforward_channels=768),
        img_size=64,
        patch_size=8,
        stop_grad_conv1=True,
    ),
    neck=dict(projection, in_channels=192, num_layers=3),
    head=dict(
        type='MoCoV3Head',
        predictor=dict(projection, in_channels=128, num_layers=2),
        loss=dict(type='CrossEntropyLoss', loss_weight=2 * temperature),
        temperature=temperature,
    ),
)
