# ILT, Cityscapes non-driving (Table 4: all 61.7).
_base_ = './deeplabv3_x101_cityscapes_non-driving_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        dict(type='FeatureDistillationLoss', loss_weight=100.0),  # code
    ]
)
