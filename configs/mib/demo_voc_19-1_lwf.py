# LwF, demo VOC 19-1.
_base_ = './demo_voc_19-1_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
