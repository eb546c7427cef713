# Elastic Weight Consolidation (EWC), real VOC 3-1.
_base_ = './deeplabv3_mobilenetv2_vocreal_3-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='ParameterImportanceHook',
        importance='ewc',
        # code: 500 at a rate of 0.001; the same product at 0.002, since SGD
        # diverges beyond
        weight=250.0,
    ),
]
