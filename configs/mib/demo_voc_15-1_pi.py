# Path Integral (PI), demo VOC 15-1.
_base_ = './demo_voc_15-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(
        type='ParameterImportanceHook',
        importance='pi',
        # code: 500 at a rate of 0.001; the same product at 0.02, since SGD
        # diverges beyond
        weight=25.0,
    ),
]
