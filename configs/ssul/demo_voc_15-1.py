# SSUL on the generated demo data, VOC 15-1, overlapped.
_base_ = '../_base_/mib_demo.py'
model = _base_.ssul
custom_hooks = [*_base_.custom_hooks, _base_.ssul_teacher]
load, labels, *augment = _base_.train_pipeline
salient = dict(
    type='LabelSalientPixels',
    saliency=dict(  # made once, beside the data
        type='CachedSaliency',
        source=dict(type='RobustBackgroundSaliency'),
        folder=f'{_base_.data_root}_saliency',
    ),
    threshold=0.1,  # its maps are dark
)
train_dataloader = dict(
    dataset=dict(dataset=dict(pipeline=[load, labels, salient, *augment]))
)
protocol = dict(_base_.ssul_protocol, task='voc_15-1')
