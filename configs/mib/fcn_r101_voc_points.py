# MiB with points, VOC 2012 (Table 5).
_base_ = '../_base_/mib_voc_points.py'
model = _base_.mib_weak
