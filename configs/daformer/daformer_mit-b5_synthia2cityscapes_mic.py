# MIC on DAFormer, SYNTHIA to Cityscapes.
_base_ = '../_base_/daformer_synthia.py'
model = _base_.mic
