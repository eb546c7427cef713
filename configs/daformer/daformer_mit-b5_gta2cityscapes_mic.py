# MIC on DAFormer, GTA5 to Cityscapes.
_base_ = '../_base_/daformer_gta.py'
model = _base_.mic
