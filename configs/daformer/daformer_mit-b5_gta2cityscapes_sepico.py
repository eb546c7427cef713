# SePiCo (DistCL) on DAFormer, GTA5 to Cityscapes: the run of 70.3 (code, experiment 4).
_base_ = '../_base_/sepico_gta.py'
model = _base_.sepico
