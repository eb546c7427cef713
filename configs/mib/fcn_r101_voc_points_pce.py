# Partial cross-entropy (PCE), points, VOC 2012.
_base_ = '../_base_/mib_voc_points.py'
model = _base_.pce
