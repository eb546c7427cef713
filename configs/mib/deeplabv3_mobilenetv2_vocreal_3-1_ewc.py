# Elastic Weight Consolidation (EWC), real VOC 3-1.
_base_ = '../_base_/mib_vocreal.py'
model = _base_.ft
# code: 500 at a rate of 0.001; the same product at 0.002, since SGD diverges beyond
custom_hooks = [*_base_.custom_hooks, dict(_base_.ewc, weight=250.0)]
protocol = dict(classifier_init='random')
