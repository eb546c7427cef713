# U2PL+ on DAFormer's training, demo data, plain to dusk.
_base_ = '../_base_/daformer_demo.py'
model = _base_.u2pl_plus
custom_hooks = _base_.bank_hooks
