# IDDC, DINO ViT-S/16, COCO-Stuff-171.
_base_ = './vits8_cocostuff171.py'
model = dict(
    backbone=dict(
        patch_size=16,
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_vits16.pth'),
    ),
)
