# U2PL+ on DAFormer, GTA5 to Cityscapes (Tables 11 and 12, row D_l + U).
_base_ = '../_base_/daformer_gta.py'
model = _base_.u2pl_plus
custom_hooks = _base_.bank_hooks
