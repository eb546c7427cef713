# STRICT on the generated demo data, 15 seen and 5 unseen classes: a small network from
# random weights, SPNet and two rounds in a few minutes.
_base_ = [
    './models/deeplabv3_r18-thin-d8.py',
    './datasets/demo_voc_zero_label_96x96.py',
    './schedules/small_sgd.py',
    './methods/strict.py',
    './default_runtime.py',
]
model = dict(
    decode_head=dict(
        _delete_=True,
        type='SemanticProjectionHead',
        embeddings='demo_voc',
        loss_size='logits',  # code: at 1/8 of the resolution
        head=dict(
            type='ASPPHead',
            in_channels=128,
            in_index=0,
            channels=48,
            dilations=(1, 3, 6),
            dropout_ratio=0.1,
            norm_cfg=_base_.norm_cfg,
            align_corners=False,
            loss_decode=_base_.strict_loss,
        ),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=0.2))
protocol = dict(
    split='voc_15-5',
    initial_stage=dict(
        train_cfg=dict(max_iters=1000, val_interval=1000),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
            dict(type='PolyLR', power=0.9, begin=20, end=1000, by_epoch=False),
        ],
    ),
    next_rounds=dict(
        optim_wrapper=dict(optimizer=dict(lr=0.05)),
        train_cfg=dict(max_iters=120, val_interval=120),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=120, by_epoch=False)],
    ),
)
