# A thin SaliencyNet on the generated demo data.
_base_ = [
    './models/saliency_net_thin.py',
    './datasets/demo_voc_novel_96x96.py',
    './schedules/small_sgd.py',
    './methods/saliency_net.py',
    './default_runtime.py',
]
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        dataset=dict(
            pipeline=[
                *_base_.train_pipeline[:2],
                _base_.object_mask,
                *_base_.train_pipeline[2:],
            ]
        )
    ),
)
val_dataloader = dict(
    dataset=dict(
        _base_.object_dataset,
        data_root=_base_.data_root,
        pipeline=[
            *_base_.test_pipeline[:2],
            _base_.object_mask,
            *_base_.test_pipeline[2:],
        ],
    )
)
test_dataloader = val_dataloader
