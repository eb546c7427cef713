# EWF on MiB, on VOC photographs: three classes, then three steps of one class.
_base_ = '../_base_/mib_vocreal.py'
model = _base_.mib
custom_hooks = [*_base_.custom_hooks, _base_.ewf]
