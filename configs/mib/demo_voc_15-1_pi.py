# Path Integral (PI), demo VOC 15-1.
_base_ = './demo_voc_15-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='pi', weight=500.0),  # code
]
