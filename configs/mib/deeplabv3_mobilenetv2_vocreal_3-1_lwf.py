# LwF, real VOC 3-1.
_base_ = './deeplabv3_mobilenetv2_vocreal_3-1_ft.py'
model = dict(
    distillation=[
        # The code has 100 over 16 old classes; over four of them SGD diverges, so the
        # weight is MiB's here.
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=10.0)
    ]
)
