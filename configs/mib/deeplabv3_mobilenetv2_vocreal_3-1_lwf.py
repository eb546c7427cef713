# LwF, real VOC 3-1.
_base_ = '../_base_/mib_vocreal.py'
model = dict(
    _base_.lwf,
    distillation=[
        # The code has 100 over 16 old classes; over four of them SGD diverges, so the
        # weight is MiB's here.
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=10.0)
    ],
)
protocol = dict(classifier_init='random')
