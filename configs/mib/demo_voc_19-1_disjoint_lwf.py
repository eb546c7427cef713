# LwF, demo VOC 19-1, disjoint.
_base_ = './demo_voc_19-1_disjoint_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
