# IDDC, DINO ViT-S/16, COCO-Stuff-27, end to end (section 4.2.2).
_base_ = './vits16_cocostuff27.py'
model = dict(train_backbone=True)
custom_hooks = [*_base_.custom_hooks, dict(type='FreezeScheduleHook')]
