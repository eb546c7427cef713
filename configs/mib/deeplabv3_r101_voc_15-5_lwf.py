# LwF, VOC 15-5, overlapped (Table 1: 58.9, 36.6, 53.3).
_base_ = './deeplabv3_r101_voc_15-5_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
