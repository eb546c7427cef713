# PLOP, VOC 10-1, overlapped.
_base_ = '../_base_/plop_voc.py'
model = _base_.plop
custom_hooks = [*_base_.custom_hooks, _base_.plop_thresholds]
protocol = dict(
    task='voc_10-1',
    next_steps=dict(  # code: 10 epochs in later steps of 10-1
        train_cfg=dict(max_epochs=10, val_interval=10),
        param_scheduler=[dict(_base_.param_scheduler[0], end=10)],
    ),
)
