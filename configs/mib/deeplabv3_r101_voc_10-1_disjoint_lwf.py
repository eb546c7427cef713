# LwF, VOC 10-1, disjoint (not in the paper).
_base_ = './deeplabv3_r101_voc_10-1_disjoint_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
