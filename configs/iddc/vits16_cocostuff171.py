# IDDC, DINO ViT-S/16, COCO-Stuff-171.
_base_ = '../_base_/iddc_cocostuff171.py'
model = _base_.vits16
