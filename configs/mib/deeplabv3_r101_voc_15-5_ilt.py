# ILT, VOC 15-5, overlapped (Table 1: 66.3, 40.6, 59.9).
_base_ = './deeplabv3_r101_voc_15-5_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        dict(type='FeatureDistillationLoss', loss_weight=100.0),  # code
    ]
)
