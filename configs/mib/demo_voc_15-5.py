# MiB on the generated demo data, VOC 15-5, overlapped.
_base_ = './demo_voc_15-1.py'
model = dict(
    distillation=[
        dict(
            type='UnbiasedKnowledgeDistillationLoss',
            alpha=1.0,
            loss_weight=10.0,  # as for VOC 15-5
        )
    ]
)
protocol = dict(
    task='voc_15-5',
    next_steps=dict(  # five classes at once take longer than one
        train_cfg=dict(max_iters=300, val_interval=300),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=300, by_epoch=False)],
    ),
)
