# ILT, Cityscapes 11-2 (Table 4: all 23.8).
_base_ = './deeplabv3_x101_cityscapes_11-2_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        dict(type='FeatureDistillationLoss', loss_weight=100.0),  # code
    ]
)
