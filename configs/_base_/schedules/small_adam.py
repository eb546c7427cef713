# For the small experiments on CPUs: Adam, iterations instead of epochs, bfloat16.
# Configs set the length.
optim_wrapper = dict(
    type='BFloat16OptimWrapper',
    optimizer=dict(type='Adam', lr=1e-2),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=1e-3))),
)
param_scheduler = [
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=200, by_epoch=False)
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=200, val_interval=100)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=False)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='AtomicCheckpointHook', by_epoch=False, interval=100, max_keep_ckpts=1
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    invalid_loss=dict(type='InvalidLossHook', interval=50),
    norm_statistics=dict(type='NormStatisticsHook'),
    visualization=dict(type='SegVisualizationHook'),
)
# With the seeded samplers: a resumed run draws the random numbers of an unbroken one.
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ChannelsLastHook'),
    dict(type='ClusterMonitorHook', interval=20),
    dict(type='ClusterNamesHook'),
]
