# MiB with points, CamVid: scene parsing without a background class.
_base_ = '../_base_/mib_camvid_weak.py'
model = _base_.mib_scene
