# Self-supervised training on a CPU: AdamW, bfloat16, 600 iterations with 60 of warm-up.
optim_wrapper = dict(
    type='mmseg.BFloat16OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.05),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=60, by_epoch=False),
    dict(type='CosineAnnealingLR', begin=60, end=600, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=600)
log_processor = dict(by_epoch=False)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='mmseg.AtomicCheckpointHook',
        by_epoch=False,
        interval=100,
        max_keep_ckpts=1,
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    invalid_loss=dict(type='mmseg.InvalidLossHook', interval=50),
    norm_statistics=dict(type='mmseg.NormStatisticsHook'),
)
custom_hooks = [dict(type='mmseg.IterationSeedHook')]
