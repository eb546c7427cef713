# ILT, VOC 19-1, disjoint (Table 1: 69.1, 16.4, 66.4).
_base_ = './deeplabv3_r101_voc_19-1_disjoint_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        dict(type='FeatureDistillationLoss', loss_weight=100.0),  # code
    ]
)
