# LwF, ADE20K 100-50 (Table 3: all 22.6).
_base_ = './deeplabv3_r101_ade20k_100-50_ft.py'
model = dict(
    distillation=[
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)  # code
    ]
)
