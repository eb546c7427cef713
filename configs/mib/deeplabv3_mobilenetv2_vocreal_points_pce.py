# Partial cross-entropy (PCE), human points, real VOC.
_base_ = '../_base_/mib_vocreal_points.py'
model = _base_.pce
