# MiB with human points on real VOC photographs, five animals.
_base_ = '../_base_/mib_vocreal_points.py'
model = _base_.mib_weak
