# DAFormer's schedule, which U2PL+ takes over (section 4.2): AdamW, 40,000 iterations of
# 2 + 2 images on one GPU. The rate is the product of warm-up and decay, which both
# start at 0.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.01),
    paramwise_cfg=dict(
        custom_keys=dict(head=dict(lr_mult=10.0)),  # all heads, their norms decayed
        norm_decay_mult=0.0,  # those of the backbone
    ),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=1500, by_epoch=False),
    dict(type='PolyLR', power=1.0, begin=0, end=40000, eta_min=0.0, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=40000, val_interval=4000)
val_cfg = dict(type='ValLoop')  # code: the student is scored, the last one
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=False)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='AtomicCheckpointHook', by_epoch=False, interval=4000, max_keep_ckpts=1
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    norm_statistics=dict(type='NormStatisticsHook'),
    invalid_loss=dict(type='InvalidLossHook', interval=50),
    visualization=dict(type='SegVisualizationHook'),
)
# With the seeded samplers: a resumed run draws the random numbers of an unbroken one.
custom_hooks = [dict(type='IterationSeedHook')]
