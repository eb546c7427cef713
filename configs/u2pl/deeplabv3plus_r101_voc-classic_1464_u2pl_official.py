# U2PL as its code trains and scores it, classic VOC, 1464 labels (Table 1: 79.49). It
# scores the authors' checkpoints, too.
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.u2pl_official, warmup_iters=569)  # code: one epoch on labels alone
train_dataloader = dict(dataset=dict(datasets=_base_.partitions['classic_1464']))
test_dataloader = dict(dataset=dict(pipeline=_base_.center_pipeline))
train_cfg = dict(max_iters=45520)  # 80 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=45520, by_epoch=False)]
teacher = dict(  # code: the student itself for one epoch more
    type='EMATeacherHook', momentum=0.99, buffers='own', copy_iters=569
)
custom_hooks = [
    *_base_.labeled_hooks,
    dict(type='SamplerStateHook'),
    teacher,
    dict(type='PseudoLabelPanelHook', num_images=4),
    dict(type='PrototypeMemoryBankHook'),
]
