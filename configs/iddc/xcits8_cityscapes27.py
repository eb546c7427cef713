# IDDC, DINO XCiT-S/8, Cityscapes-27, whole images (table 7). The weights are DINO's
# dino_xcit_small_12_p8_pretrain.pth after tools/model_converters/xcit_to_mmpretrain.py.
_base_ = './vits8_cityscapes27.py'
model = dict(
    backbone=dict(
        _delete_=True,
        type='mmpretrain.XCiT',
        patch_size=8,
        embed_dims=384,
        depth=12,
        num_heads=8,
        tokens_norm=True,
        out_type='featmap',
        init_cfg=dict(
            type='Pretrained',
            checkpoint='{{$LABELFREE_DATA:data}}/weights/dino_xcits8.pth',
        ),
    ),
)
