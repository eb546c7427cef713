# ILT, demo VOC 15-1.
_base_ = './demo_voc_15-1_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        dict(type='FeatureDistillationLoss', loss_weight=100.0),  # code
    ]
)
