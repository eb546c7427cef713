# DAFormer's training, demo data, plain to dusk.
_base_ = '../_base_/daformer_demo.py'
model = _base_.daformer
