# Mean teacher (MT), Cityscapes, 744 labels (Table 2: 74.20).
_base_ = './deeplabv3plus_r101_cityscapes_744_suponly.py'
model = dict(type='MeanTeacherEncoderDecoder')
train_dataloader = dict(
    batch_size=4,
    sampler=dict(
        _delete_=True,
        type='MultiSourceSampler',
        source_counts=dict(labeled=2, unlabeled=2),
        epoch_source='unlabeled',
    ),
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            _base_.labeled,
            dict(
                type='SourceDataset',
                source='unlabeled',
                labeled=False,
                dataset=dict(
                    _base_.images, ann_file=f'{_base_.partition}/unlabeled.txt'
                ),
            ),
        ],
    ),
)
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='SamplerStateHook'),
    _base_.ema_teacher,
    _base_.panels,
]
val_cfg = dict(type='TeacherStudentValLoop')  # the authors' code scores the teacher
