# Class-incremental VOC 2012 as SSUL's code runs it.
_base_ = [
    './models/deeplabv3_r101-d16.py',
    './datasets/voc_incremental_513x513.py',
    './schedules/ssul_50e.py',
    './methods/mib.py',
    './default_runtime.py',
]
model = dict(
    data_preprocessor=dict(size=(513, 513)),
    backbone=dict(
        _delete_=True,
        type='ResNet',
        depth=101,
        num_stages=4,
        out_indices=(3,),
        strides=(1, 2, 2, 1),
        dilations=(1, 1, 1, 2),
        contract_dilation=True,  # as torchvision has it (remembered)
        norm_cfg=dict(type='SyncBN', momentum=0.01, requires_grad=True),  # code
        norm_eval=False,
        style='pytorch',
        init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet101'),
    ),
)
protocol = dict(
    initial_step=dict(  # code: 0.001 for the backbone, which is frozen later
        optim_wrapper=dict(
            paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.1)))
        )
    ),
)
