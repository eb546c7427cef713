# IDDC, iBOT ViT-B/16 (ImageNet-22k), Cityscapes-27, whole images, end to end (table 8).
# Thresholds and lambdas are not published; those of ViT-S/8 are ours.
_base_ = '../_base_/iddc_cityscapes27.py'
model = dict(_base_.ibot_vitb16_in22k, train_backbone=True)
custom_hooks = [*_base_.custom_hooks, dict(type='FreezeScheduleHook')]
