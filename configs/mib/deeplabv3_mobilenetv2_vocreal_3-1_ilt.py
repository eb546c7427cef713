# ILT, real VOC 3-1.
_base_ = '../_base_/mib_vocreal.py'
model = dict(
    _base_.ilt,
    distillation=[
        # The code has 100 over 16 old classes; over four of them SGD diverges.
        dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=10.0),
        # code: 100 at a rate of 0.001; the same product at 0.002, since SGD diverges
        # beyond
        dict(type='FeatureDistillationLoss', loss_weight=50.0),
    ],
)
protocol = dict(classifier_init='random')
