# SePiCo (DistCL) on DAFormer's training, demo data, plain to dusk.
_base_ = '../_base_/daformer_demo.py'
model = _base_.sepico
custom_hooks = _base_.statistics_hooks
