# U2PL+ on DAFormer's training, CamVid, day to night.
_base_ = '../_base_/daformer_camvid.py'
model = _base_.u2pl_plus
custom_hooks = _base_.bank_hooks
