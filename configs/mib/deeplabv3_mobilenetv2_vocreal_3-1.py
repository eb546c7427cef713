# MiB on real VOC photographs: person, dog, horse, then cat, cow, sheep one by one.
_base_ = '../_base_/mib_vocreal.py'
model = _base_.mib
