# MiB, section 6.2.2 and the authors' code.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(
        type='SGD',
        lr=0.01,  # section 6.2.2, step 0; the protocol lowers it for later steps
        momentum=0.9,
        nesterov=True,  # code
        weight_decay=1e-4,  # code: on all parameters
    ),
)
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0,
        begin=0,
        end=30,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
# 30 epochs in every step for VOC (section 6.2.2); an epoch is as long as the step's
# own set of images.
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=30, val_interval=30)
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
# Batch 24 = 2 GPUs x 12 (section 6.2.2, code). Fewer images at once lower the rate
# in proportion, as the author advises (issue 43).
auto_scale_lr = dict(enable=True, base_batch_size=24)
# With the seeded samplers: a resumed run draws the random numbers of an unbroken one.
custom_hooks = [dict(type='IterationSeedHook')]
