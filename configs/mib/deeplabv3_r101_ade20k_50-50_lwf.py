# LwF, ADE20K 50-50 (Table 3: all 13.9).
_base_ = './deeplabv3_r101_ade20k_50-50_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
