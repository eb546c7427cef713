# Path Integral (PI), ADE20K 50-50 (not in the paper).
_base_ = './deeplabv3_r101_ade20k_50-50_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='pi', weight=500.0),  # code
]
