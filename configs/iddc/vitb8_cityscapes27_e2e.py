# IDDC, DINO ViT-B/8, Cityscapes-27, end to end (section 4.2.2).
_base_ = '../_base_/iddc_cityscapes27.py'
model = dict(_base_.vitb8, train_backbone=True)
custom_hooks = [*_base_.custom_hooks, dict(type='FreezeScheduleHook')]
