# STRICT on a small VOC subset, 10 seen classes, cat and sheep unseen: ImageNet
# MobileNetV2, crops of 128 x 128, SPNet and two rounds; for CPUs.
_base_ = [
    './models/deeplabv3_mobilenetv2-d16.py',
    './datasets/vocreal_zero_label_128x128.py',
    './schedules/small_sgd.py',
    './methods/strict.py',
    './default_runtime.py',
]
model = dict(
    decode_head=dict(
        _delete_=True,
        type='SemanticProjectionHead',
        embeddings=dict(
            file='{{$LABELFREE_DATA:data}}/word_vectors/voc12.npz',
            aliases=dict(tvmonitor='tv'),
            **_base_.fasttext_word2vec,
        ),
        head=dict(
            type='ASPPHead',
            in_channels=320,
            in_index=1,
            channels=64,
            dilations=(1, 3, 6, 9),
            dropout_ratio=0.1,
            norm_cfg=_base_.norm_cfg,
            align_corners=False,
            loss_decode=_base_.strict_loss,
        ),
    ),
)
optim_wrapper = dict(optimizer=dict(lr=0.02))
protocol = dict(
    split=_base_.split,
    initial_stage=dict(
        train_cfg=dict(max_iters=1500, val_interval=1500),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=1500, by_epoch=False)],
    ),
    next_rounds=dict(
        optim_wrapper=dict(optimizer=dict(lr=0.005)),
        train_cfg=dict(max_iters=200, val_interval=200),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=200, by_epoch=False)],
    ),
)
