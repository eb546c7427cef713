# SSUL, VOC 15-1, overlapped.
_base_ = '../_base_/ssul_voc.py'
model = _base_.ssul
custom_hooks = [*_base_.custom_hooks, _base_.ssul_teacher]
protocol = dict(_base_.ssul_protocol, task='voc_15-1')
