# IDDC, MobileNetV2, CamVid, end to end (section 4.2.2).
_base_ = '../_base_/iddc_camvid.py'
model = dict(train_backbone=True)
custom_hooks = [*_base_.custom_hooks, dict(type='FreezeScheduleHook')]
