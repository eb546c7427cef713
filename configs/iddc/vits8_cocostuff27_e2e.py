# IDDC, DINO ViT-S/8, COCO-Stuff-27, end to end (section 4.2.2).
_base_ = '../_base_/iddc_cocostuff27.py'
model = dict(balance_loss=dict(loss_weight=0.25 / 50), train_backbone=True)
custom_hooks = [*_base_.custom_hooks, dict(type='FreezeScheduleHook')]
randomness = dict(seed=100)  # code
