# MiB on the generated demo data, VOC 19-1, overlapped.
_base_ = './demo_voc_15-1.py'
model = dict(
    distillation=[
        dict(
            type='UnbiasedKnowledgeDistillationLoss',
            alpha=1.0,
            loss_weight=10.0,  # as for VOC 19-1
        )
    ]
)
protocol = dict(task='voc_19-1')
