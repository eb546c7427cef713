# U2PL+ on DAFormer, SYNTHIA to Cityscapes (Tables 11 and 12, row D_l + U).
_base_ = '../_base_/daformer_synthia.py'
model = _base_.u2pl_plus
custom_hooks = _base_.bank_hooks
