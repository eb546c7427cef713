# DeepLabV3 on ResNeXt-101, output stride 16 (MiB, section 6.2.2, for Cityscapes). The
# paper does not give the width; 32x8d is the ResNeXt-101 that torchvision ships.
_base_ = './deeplabv3_r101-d16.py'
model = dict(
    backbone=dict(
        type='ResNeXt',
        groups=32,
        base_width=8,
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnext101_32x8d'),
    ),
)
