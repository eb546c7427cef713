# PLOP, VOC 15-1, overlapped.
_base_ = '../_base_/plop_voc.py'
model = _base_.plop
custom_hooks = [*_base_.custom_hooks, _base_.plop_thresholds]
protocol = dict(task='voc_15-1')
