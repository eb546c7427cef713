# DAFormer, SYNTHIA to Cityscapes (Table 11).
_base_ = '../_base_/daformer_synthia.py'
model = _base_.daformer
