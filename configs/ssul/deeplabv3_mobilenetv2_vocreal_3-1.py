# SSUL on VOC photographs: three classes, then three steps of one class.
_base_ = '../_base_/mib_vocreal.py'
model = _base_.ssul
custom_hooks = [*_base_.custom_hooks, _base_.ssul_teacher]
load, labels, *augment = _base_.train_pipeline
salient = dict(
    type='LabelSalientPixels',
    saliency=dict(type='SaliencyFolder', folder=f'{_base_.data_root}/Saliency'),
)
train_dataloader = dict(
    dataset=dict(dataset=dict(pipeline=[load, labels, salient, *augment]))
)
protocol = dict(
    classifier_init='unknown',
    next_steps=dict(
        _base_.ssul_protocol['next_steps'],
        model=dict(_delete_=True),  # the method freezes statistics by itself
    ),
)
