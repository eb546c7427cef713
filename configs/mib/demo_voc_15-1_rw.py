# Riemannian Walks (RW), demo VOC 15-1.
_base_ = '../_base_/mib_demo.py'
model = _base_.ft
# code: 100 at a rate of 0.001; the same product at 0.02, since SGD diverges beyond
custom_hooks = [*_base_.custom_hooks, dict(_base_.rw, weight=5.0)]
protocol = dict(task='voc_15-1', classifier_init='random')
