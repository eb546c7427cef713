# Mean teacher (MT), classic VOC, 92 labels (Table 1: 51.72).
_base_ = './deeplabv3plus_r101_voc-classic_92_suponly.py'
model = dict(
    type='MeanTeacherEncoderDecoder',
    warmup_iters=655,  # code: one epoch on labels alone
)
train_dataloader = dict(
    batch_size=8,
    sampler=dict(
        _delete_=True,
        type='MultiSourceSampler',
        source_counts=dict(labeled=4, unlabeled=4),
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
