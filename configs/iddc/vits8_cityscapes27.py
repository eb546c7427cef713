# IDDC, DINO ViT-S/8, Cityscapes-27, whole images (table 7).
_base_ = '../_base_/iddc_cityscapes27.py'
