# MiB, VOC 15-1, overlapped (Table 1: old 35.1, new 13.5, all 29.7).
_base_ = './deeplabv3_r101_voc_15-5.py'
model = dict(
    distillation=[
        dict(
            type='UnbiasedKnowledgeDistillationLoss',
            alpha=1.0,
            loss_weight=100.0,  # the author, issue 43: 100 for 15-1
        )
    ]
)
protocol = dict(task='voc_15-1')
