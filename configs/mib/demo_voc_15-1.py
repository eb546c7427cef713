# MiB on the generated demo data, VOC 15-1, overlapped: six steps in a few minutes.
_base_ = [
    '../_base_/models/deeplabv3_r18-thin-d8.py',
    '../_base_/datasets/demo_voc_incremental_96x96.py',
    '../_base_/schedules/small_sgd.py',
    '../_base_/methods/mib.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='IncrementalEncoderDecoder',
    decode_head=dict(loss_decode=_base_.mib_loss),
    distillation=[
        dict(
            type='UnbiasedKnowledgeDistillationLoss',
            alpha=1.0,
            loss_weight=100.0,  # as for VOC 15-1
        )
    ],
)
optim_wrapper = dict(optimizer=dict(lr=0.2))
protocol = dict(
    task='voc_15-1',
    initial_step=dict(
        train_cfg=dict(max_iters=1000, val_interval=1000),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
            dict(type='PolyLR', power=0.9, begin=20, end=1000, by_epoch=False),
        ],
    ),
    next_steps=dict(
        optim_wrapper=dict(optimizer=dict(lr=0.02)),  # a tenth, as in the paper
        train_cfg=dict(max_iters=120, val_interval=120),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=120, by_epoch=False)],
    ),
)
