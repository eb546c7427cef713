# LwF, VOC 19-1, disjoint (Table 1: 53.0, 9.1, 50.8).
_base_ = './deeplabv3_r101_voc_19-1_disjoint_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
