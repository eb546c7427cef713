# IDDC, DINO ViT-S/16, COCO-Stuff-27.
_base_ = './vits8_cocostuff27.py'
model = dict(
    backbone=dict(
        patch_size=16,
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_vits16.pth'),
    ),
    balance_loss=dict(loss_weight=0.4 / 50),  # section 4.2.3, code
)
randomness = dict(seed=1)  # code
