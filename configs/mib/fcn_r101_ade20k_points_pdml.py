# MiB with points, ADE20K, in the protocol of PDML (Table 7).
_base_ = '../_base_/mib_ade20k_points_pdml.py'
model = _base_.mib_scene
