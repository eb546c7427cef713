# Labels of the source alone, tested with batch norm's statistics of the target (AdaBN),
# CamVid, day to night. Tests the checkpoints of all other rows, too.
_base_ = '../_base_/daformer_camvid.py'
train_dataloader = _base_.source_only
custom_hooks = [
    *_base_.labeled_hooks,
    dict(type='AdaBNHook', dataloader=_base_.target_only),
]
