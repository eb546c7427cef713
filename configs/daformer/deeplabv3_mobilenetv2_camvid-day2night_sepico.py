# SePiCo (DistCL) on DAFormer's training, CamVid, day to night.
_base_ = '../_base_/daformer_camvid.py'
model = _base_.sepico
custom_hooks = _base_.statistics_hooks
