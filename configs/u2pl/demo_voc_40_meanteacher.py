# Mean teacher (MT), generated demo data, 40 labels.
_base_ = './demo_voc_40_suponly.py'
# The network starts from random weights, so the teacher learns from labels first:
# without that it teaches background (8.0 mIoU after 1500 iterations, SupOnly 24.1).
model = dict(type='MeanTeacherEncoderDecoder', warmup_iters=1200)
train_dataloader = dict(
    batch_size=16,
    sampler=dict(
        _delete_=True,
        type='MultiSourceSampler',
        source_counts=dict(labeled=8, unlabeled=8),
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
