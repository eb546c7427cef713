# LwF, VOC 15-1, overlapped (Table 1: 1.0, 3.9, 1.8).
_base_ = './deeplabv3_r101_voc_15-1_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
