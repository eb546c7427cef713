# EUMS, section 4.1: SGD, 60 epochs of base training with a step at the 25th, 30 of
# fine-tuning with one at the 15th, which the protocol's overrides set.
optim_wrapper = dict(
    type='OptimWrapper',
    optimizer=dict(type='SGD', lr=0.1, momentum=0.9, weight_decay=1e-4),
    paramwise_cfg=dict(  # section 4.1: 0.1 for the decoder, 0.001 for the backbone
        custom_keys=dict(backbone=dict(lr_mult=0.01))
    ),
)
# code: after 26 epochs, where the paper says at the 25th
param_scheduler = [dict(type='MultiStepLR', milestones=[26], gamma=0.1, by_epoch=True)]
# code: each epoch is scored, for the best one
train_cfg = dict(type='EpochBasedTrainLoop', max_epochs=60, val_interval=1)
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
# 16 images on one GPU (section 4.1). The protocol sets the batch of the fine-tuning, so
# that more GPUs raise the rate in proportion.
auto_scale_lr = dict(enable=True, base_batch_size=16)
# With the seeded samplers: a resumed run draws the random numbers of an unbroken one.
custom_hooks = [dict(type='IterationSeedHook')]
