# LwF, VOC 15-5, disjoint (Table 1: 58.4, 37.4, 53.1).
_base_ = './deeplabv3_r101_voc_15-5_disjoint_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
