# SSUL, the authors' code.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='SGD',
        lr=0.01,  # code: in every step, of what it trains
        momentum=0.9,
        nesterov=True,  # code
        weight_decay=1e-4,
    ),
)
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=1e-6,  # code
        begin=0,
        end=50,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
# 50 epochs in every step; an epoch is as long as the step's own set of images.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=50, val_interval=50)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=True)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='AtomicCheckpointHook', by_epoch=True, interval=1, max_keep_ckpts=1
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    norm_statistics=dict(type='NormStatisticsHook'),
    invalid_loss=dict(type='InvalidLossHook', interval=50),
    visualization=dict(type='SegVisualizationHook'),
)
# 32 images. Fewer at once lower the rate in proportion.
auto_scale_lr = dict(enable=True, base_batch_size=32)
# With the seeded samplers: a resumed run draws the random numbers of an unbroken one.
custom_hooks = [dict(type='IterationSeedHook')]
