# IDDC, DINO ViT-S/16, COCO-Stuff-27, end to end (section 4.2.2).
_base_ = '../_base_/iddc_cocostuff27.py'
model = dict(_base_.vits16, train_backbone=True)
custom_hooks = [*_base_.custom_hooks, dict(type='FreezeScheduleHook')]
randomness = dict(seed=1)  # code
