# EUMS on the generated demo data: five stages in a few minutes.
_base_ = [
    './models/deeplabv3_r18-thin-d8.py',
    './datasets/demo_voc_novel_96x96.py',
    './schedules/small_sgd.py',
    './methods/eums.py',
    './default_runtime.py',
]
model = dict(
    _base_.eums,
    **_base_.joint_student,
    strong_view=dict(_base_.eums.strong_view, hue=0.0),  # a class has its hue here
    ramp_up=70,  # a sixth of the length, as in the paper
    ramp_by_epoch=False,
)
optim_wrapper = dict(optimizer=dict(lr=0.1))
train_cfg = dict(max_iters=800, val_interval=800)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', power=0.9, begin=20, end=800, by_epoch=False),
]
protocol = dict(
    from_base=True,  # there are no pretrained weights to start from
    from_basic=True,  # a teacher has to know the clusters before it labels
    reassignment=dict(begin=70, by_epoch=False),
    teacher=_base_.joint_teacher,
    clustering=dict(
        type='NovelClusteringJob',
        saliency=dict(type='RobustBackgroundSaliency'),
        saliency_threshold=0.1,  # its maps are dark
        features=dict(size=(96, 128)),  # of the base model's backbone
        min_area=100,  # the share of the image that 1500 pixels are of VOC's
    ),
    fine_tuning=dict(
        train_cfg=dict(max_iters=400, val_interval=400),
        param_scheduler=[
            dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
            dict(type='PolyLR', power=0.9, begin=20, end=400, by_epoch=False),
        ],
    ),
)
