# LwF, Cityscapes vehicles (Table 4: all 61.3).
_base_ = './deeplabv3_x101_cityscapes_vehicles_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
