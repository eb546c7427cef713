# IDDC, DINO ViT-S/16, COCO-Stuff-27 (table 1).
_base_ = '../_base_/iddc_cocostuff27.py'
model = _base_.vits16
randomness = dict(seed=1)  # code
