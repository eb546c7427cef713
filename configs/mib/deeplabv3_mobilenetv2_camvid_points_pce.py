# Partial cross-entropy (PCE), points, CamVid.
_base_ = '../_base_/mib_camvid_weak.py'
model = _base_.pce
