# U2PL+, section 4.1, VOC: SGD, poly decay in every iteration. 80 epochs of the
# unlabeled images; configs set the length for theirs.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.001, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(  # section 4.1: ten times the backbone's rate
        custom_keys=dict(
            decode_head=dict(lr_mult=10.0), representation_head=dict(lr_mult=10.0)
        )
    ),
)
param_scheduler = [dict(type='PolyLR', power=0.9, end=52400, by_epoch=False)]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=52400, val_interval=5000)
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
    invalid_loss=dict(type='InvalidLossHook', interval=50),
    visualization=dict(type='SegVisualizationHook'),
)
# 4 labeled and 4 unlabeled images on each of 4 GPUs (code).
auto_scale_lr = dict(enable=True, base_batch_size=32)
# With the seeded samplers: a resumed run draws the random numbers of an unbroken one.
custom_hooks = [dict(type='IterationSeedHook')]
