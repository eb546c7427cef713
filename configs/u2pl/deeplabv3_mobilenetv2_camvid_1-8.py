# U2PL+, CamVid, 1/8 of the labels.
_base_ = '../_base_/u2pl_camvid.py'
model = _base_.u2pl_plus
