# ILT, VOC 15-1, overlapped (Table 1: 4.9, 7.8, 5.7).
_base_ = './deeplabv3_r101_voc_15-1_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        dict(type='FeatureDistillationLoss', loss_weight=100.0),  # code
    ]
)
