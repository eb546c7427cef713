# Elastic Weight Consolidation (EWC), demo VOC 15-1.
_base_ = '../_base_/mib_demo.py'
model = _base_.ft
# code: 500 at a rate of 0.001; the same product at 0.02, since SGD diverges beyond
custom_hooks = [*_base_.custom_hooks, dict(_base_.ewc, weight=25.0)]
protocol = dict(task='voc_15-1', classifier_init='random')
