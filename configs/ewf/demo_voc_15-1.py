# EWF on MiB, on the generated demo data, VOC 15-1, overlapped.
_base_ = '../_base_/mib_demo.py'
model = _base_.mib_15_1
custom_hooks = [*_base_.custom_hooks, _base_.ewf]
protocol = dict(task='voc_15-1')
