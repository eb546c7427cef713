# Clusters on a frozen thin ViT that configs/iddc/mocov3_vitthin8_*.py has trained
# without labels, by linear heads, for CPUs; otherwise as on DINO's ViT-S/8.
_base_ = './clustering_vits8.py'
model = dict(
    data_preprocessor=dict(test_cfg=dict(size_divisor=8)),
    backbone=dict(
        arch=dict(
            _delete_=True,
            embed_dims=192,
            num_layers=6,
            num_heads=3,
            feedforward_channels=768,
        ),
        img_size=64,
        init_cfg=dict(prefix='backbone.'),
    ),
    decode_head=dict(  # linear, as in the ablations (section 4.4)
        in_channels=192, num_classes=11, kernel_sizes=()
    ),
    auxiliary_head=dict(in_channels=192, num_classes=11),
    test_cfg=dict(_delete_=True, mode='whole'),
)
