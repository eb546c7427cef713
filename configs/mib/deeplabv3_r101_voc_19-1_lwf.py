# LwF, VOC 19-1, overlapped (Table 1: 51.2, 8.5, 49.1).
_base_ = './deeplabv3_r101_voc_19-1_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
