# ILT, VOC 15-5, disjoint (Table 1: 63.2, 39.5, 57.3).
_base_ = './deeplabv3_r101_voc_15-5_disjoint_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        dict(type='FeatureDistillationLoss', loss_weight=100.0),  # code
    ]
)
