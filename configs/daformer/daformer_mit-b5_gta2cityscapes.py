# DAFormer, GTA5 to Cityscapes (Table 11).
_base_ = '../_base_/daformer_gta.py'
model = _base_.daformer
