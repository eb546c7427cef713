# ILT, demo VOC 15-1.
_base_ = './demo_voc_15-1_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0),  # code
        # code: 100 at a rate of 0.001; the same product at 0.02, since SGD diverges
        # beyond
        dict(type='FeatureDistillationLoss', loss_weight=5.0),
    ]
)
