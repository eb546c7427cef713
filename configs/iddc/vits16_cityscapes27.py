# IDDC, DINO ViT-S/16, Cityscapes-27, whole images (table 7).
# Thresholds and lambdas are not published; those of ViT-S/8 are ours.
_base_ = '../_base_/iddc_cityscapes27.py'
model = _base_.vits16
