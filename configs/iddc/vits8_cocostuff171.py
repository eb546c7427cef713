# IDDC, DINO ViT-S/8, COCO-Stuff-171 (table 2).
_base_ = '../_base_/iddc_cocostuff171.py'
