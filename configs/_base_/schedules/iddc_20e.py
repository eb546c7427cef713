# IDDC: Adam, 64 images, 20 epochs (code; the paper says 5 for COCO-Stuff-27).
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='Adam', lr=5e-4),  # section 4.2.2
    paramwise_cfg=dict(
        custom_keys=dict(
            backbone=dict(lr_mult=1e-3),  # section 4.2.2: 5e-7, end to end
            auxiliary_head=dict(lr_mult=2.0),  # code: 1e-3 for the linear probe
        )
    ),
)
param_scheduler = [
    # Section 4.2.2: power 0.9; once an epoch (code).
    # MMEngine's rate is 0 one epoch before the end, the code's after the last.
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=21, by_epoch=True)
]
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=20, val_interval=5)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
auto_scale_lr = dict(enable=True, base_batch_size=64)  # section 4.2.2
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(type='AtomicCheckpointHook', interval=1, max_keep_ckpts=1),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    invalid_loss=dict(type='InvalidLossHook', interval=50),
    norm_statistics=dict(type='NormStatisticsHook'),
    visualization=dict(type='SegVisualizationHook'),
)
# With the seeded samplers: a resumed run draws the random numbers of an unbroken one.
custom_hooks = [
    dict(type='IterationSeedHook'),
    dict(type='ClusterMonitorHook', interval=50),
    dict(type='ClusterNamesHook'),
]
