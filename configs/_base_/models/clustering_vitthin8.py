# What a frozen thin ViT changes of clustering_mobilenetv2.py. Its weights are those
# that configs/iddc/mocov3_vitthin8_*.py has trained without labels.
vitthin8 = dict(
    data_preprocessor=dict(test_cfg=dict(size_divisor=8)),
    backbone=dict(
        _delete_=True,
        type='mmpretrain.VisionTransformer',
        arch=dict(embed_dims=192, num_layers=6, num_heads=3, feedforward_channels=768),
        img_size=64,
        patch_size=8,
        out_type='featmap',
        init_cfg=dict(type='Pretrained', prefix='backbone.'),
    ),
    decode_head=dict(in_channels=192),
    auxiliary_head=dict(in_channels=192),
    # Affinities of one class and of different ones cross at 0.1 (CamVid) to 0.3 (demo).
    pairwise_loss=dict(positive_threshold=0.5),
)
