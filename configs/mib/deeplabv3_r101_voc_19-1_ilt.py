# ILT, VOC 19-1, overlapped (Table 1: 67.1, 12.3, 64.4).
_base_ = './deeplabv3_r101_voc_19-1_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        dict(type='FeatureDistillationLoss', loss_weight=100.0),  # code
    ]
)
