# ILT, ADE20K 100-10 (Table 3: all 1.4).
_base_ = './deeplabv3_r101_ade20k_100-10_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        dict(type='FeatureDistillationLoss', loss_weight=100.0),  # code
    ]
)
