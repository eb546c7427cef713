# PLOP, ADE20K 100-10.
_base_ = '../_base_/mib_ade20k.py'
model = _base_.plop_ade
custom_hooks = [*_base_.custom_hooks, _base_.plop_thresholds]
protocol = dict(task='ade20k_100-10')
