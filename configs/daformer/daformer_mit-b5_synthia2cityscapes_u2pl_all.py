# U2PL+ on DAFormer, SYNTHIA to Cityscapes, negatives of D_l + R + U (Table 12).
_base_ = '../_base_/daformer_synthia.py'
model = dict(_base_.u2pl_plus, negatives=('labeled', 'surest', 'unreliable'))
custom_hooks = _base_.bank_hooks
