# AFA (code): AdamW, 20,000 iterations; ten times the encoder's rate for all else.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.01),
    paramwise_cfg=dict(
        custom_keys={
            'decode_head': dict(lr_mult=10.0),
            'image_head': dict(lr_mult=10.0),
            'affinity': dict(lr_mult=10.0),
            'representation_head': dict(lr_mult=10.0),
            # Norms of the encoder rest. Those after the stages have no name.
            'norm': dict(lr_mult=0.0, decay_mult=0.0),
            'backbone.layers.0.2.': dict(lr_mult=0.0, decay_mult=0.0),
            'backbone.layers.1.2.': dict(lr_mult=0.0, decay_mult=0.0),
            'backbone.layers.2.2.': dict(lr_mult=0.0, decay_mult=0.0),
            'backbone.layers.3.2.': dict(lr_mult=0.0, decay_mult=0.0),
        }
    ),
)
# The warm-up reaches the full rate, then it is 1 - t / 20000: it drops where they meet.
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, end=1501, by_epoch=False),
    dict(type='MultiStepLR', milestones=[1500], gamma=0.925, by_epoch=False),
    dict(type='PolyLR', power=1.0, begin=1500, end=20001, by_epoch=False),
]
train_cfg = dict(type='IterBasedTrainLoop', max_iters=20000, val_interval=2000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
log_processor = dict(by_epoch=False)
default_hooks = dict(
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=50, log_metric_by_epoch=False),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(  # the code tests that of iteration 18,000
        type='AtomicCheckpointHook', by_epoch=False, interval=2000, max_keep_ckpts=2
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    norm_statistics=dict(type='NormStatisticsHook'),
    invalid_loss=dict(type='InvalidLossHook', interval=50),
    visualization=dict(type='SegVisualizationHook'),
)
# The code has the same rate for 4 and for 8 images, so it is not scaled.
# With the seeded samplers: a resumed run draws the random numbers of an unbroken one.
custom_hooks = [dict(type='IterationSeedHook')]
