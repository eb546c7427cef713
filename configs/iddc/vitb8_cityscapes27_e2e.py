# IDDC, DINO ViT-B/8, Cityscapes-27, end to end (section 4.2.2).
_base_ = './vitb8_cityscapes27.py'
model = dict(train_backbone=True)
custom_hooks = [*_base_.custom_hooks, dict(type='FreezeScheduleHook')]
