# Partial cross-entropy (PCE), points, ADE20K, protocol of PDML (Table 7).
_base_ = '../_base_/mib_ade20k_points_pdml.py'
model = _base_.pce
