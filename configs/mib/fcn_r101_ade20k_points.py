# MiB with points, ADE20K, own protocol (Table 7).
_base_ = '../_base_/mib_ade20k_points.py'
model = _base_.mib_scene
