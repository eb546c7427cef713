# Riemannian Walks (RW), Cityscapes non-driving (not in the paper).
_base_ = './deeplabv3_x101_cityscapes_non-driving_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
