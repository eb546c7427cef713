# Path Integral (PI), Cityscapes 11-2 (not in the paper).
_base_ = './deeplabv3_x101_cityscapes_11-2_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='pi', weight=500.0),  # code
]
