# IDDC, DINO ViT-S/8, Cityscapes-27, center crops (table 3).
_base_ = '../_base_/iddc_cityscapes27.py'
val_dataloader = dict(dataset=dict(pipeline=_base_.center_pipeline))
test_dataloader = val_dataloader
