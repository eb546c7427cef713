# IDDC, DINO ViT-S/8, COCO-Stuff-27 (table 1).
_base_ = '../_base_/iddc_cocostuff27.py'
model = dict(balance_loss=dict(loss_weight=0.25 / 50))  # section 4.2.3, code
randomness = dict(seed=100)  # code
