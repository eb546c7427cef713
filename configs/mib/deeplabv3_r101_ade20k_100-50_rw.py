# Riemannian Walks (RW), ADE20K 100-50 (not in the paper).
_base_ = './deeplabv3_r101_ade20k_100-50_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
