# UniMatch V2 (code): AdamW, all layers trained, the head at 40 times the backbone's
# rate, poly decay in every iteration. 60 epochs of the unlabeled images; configs set
# the length for theirs.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-6, betas=(0.9, 0.999), weight_decay=0.01),
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=40.0))),
)
param_scheduler = [dict(type='PolyLR', power=0.9, end=39300, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=39300, val_interval=5000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=False)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='AtomicCheckpointHook', by_epoch=False, interval=1000, max_keep_ckpts=1
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    norm_statistics=dict(type='NormStatisticsHook'),
    invalid_loss=dict(type='InvalidLossHook', interval=50),
    visualization=dict(type='SegVisualizationHook'),
)
# 4 labeled and 4 unlabeled images on each of 4 GPUs (code).
auto_scale_lr = dict(enable=True, base_batch_size=32)
# With the seeded samplers: a resumed run draws the random numbers of an unbroken one.
custom_hooks = [dict(type='IterationSeedHook')]
