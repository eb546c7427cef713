# Partial cross-entropy (PCE), points, ADE20K (Table 7).
_base_ = '../_base_/mib_ade20k_points.py'
model = _base_.pce
