# MiB, VOC 10-1, overlapped.
# Not in the paper; reproductions give 12.7 to 21.1 over all classes.
_base_ = './deeplabv3_r101_voc_15-5.py'
model = dict(
    distillation=[
        dict(
            type='UnbiasedKnowledgeDistillationLoss',
            alpha=1.0,
            loss_weight=100.0,  # cssegmentation's value for 10-1
        )
    ]
)
protocol = dict(task='voc_10-1')
