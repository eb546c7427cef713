# IDDC, DINO ViT-B/8, Cityscapes-27, whole images (table 4).
_base_ = '../_base_/iddc_cityscapes27.py'
model = _base_.vitb8
