# U2PL+ on DAFormer, GTA5 to Cityscapes, negatives of R (Table 12).
_base_ = '../_base_/daformer_gta.py'
model = dict(_base_.u2pl_plus, negatives=('surest',))
custom_hooks = _base_.bank_hooks
