# ILT, demo VOC 15-1.
_base_ = '../_base_/mib_demo.py'
model = dict(
    _base_.ilt,
    distillation=[
        *_base_.lwf.distillation,
        # code: 100 at a rate of 0.001; the same product at 0.02, since SGD diverges
        # beyond
        dict(type='FeatureDistillationLoss', loss_weight=5.0),
    ],
)
protocol = dict(task='voc_15-1', classifier_init='random')
