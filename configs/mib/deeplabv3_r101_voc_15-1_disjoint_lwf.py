# LwF, VOC 15-1, disjoint (Table 1: 0.8, 3.6, 1.5).
_base_ = './deeplabv3_r101_voc_15-1_disjoint_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
