# Full supervision, the upper bound of points on ADE20K (Table 7: 29.7).
_base_ = './fcn_r101_ade20k_points.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')))
train_dataloader = dict(
    dataset=dict(
        pipeline=[
            _base_.load_image,
            dict(type='LoadAnnotations', reduce_zero_label=True),
            *_base_.augmentation,
        ]
    )
)
