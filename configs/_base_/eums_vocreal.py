# EUMS on real VOC photographs: cat, cow and sheep are novel.
_base_ = [
    './models/deeplabv3_mobilenetv2-d16.py',
    './datasets/vocreal_novel_128x128.py',
    './schedules/small_sgd.py',
    './methods/eums.py',
    './default_runtime.py',
]
model = dict(
    _base_.eums,
    **_base_.joint_student,
    ramp_up=70,  # a sixth of the length, as in the paper
    ramp_by_epoch=False,
)
optim_wrapper = dict(optimizer=dict(lr=0.02))
train_cfg = dict(max_iters=800, val_interval=800)
param_scheduler = [dict(type='PolyLR', power=0.9, end=800, by_epoch=False)]
protocol = dict(
    from_base=True,  # a few epochs are too short from the ImageNet weights
    from_basic=True,  # a teacher has to know the clusters before it labels
    reassignment=dict(begin=70, by_epoch=False),
    teacher=_base_.joint_teacher,
    clustering=dict(
        type='NovelClusteringJob',
        saliency=dict(type='SaliencyFolder', folder=f'{_base_.data_root}/Saliency'),
        features=dict(
            backbone=dict(
                type='MobileNetV2',
                out_indices=(4, 6),
                init_cfg=_base_.model.backbone.init_cfg,
            ),
            size=(256, 256),
        ),
        min_area=400,  # the share of the image that 1500 pixels are of VOC's
    ),
    fine_tuning=dict(
        train_cfg=dict(max_iters=400, val_interval=400),
        param_scheduler=[dict(type='PolyLR', power=0.9, end=400, by_epoch=False)],
    ),
)
