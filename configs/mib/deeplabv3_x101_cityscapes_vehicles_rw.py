# Riemannian Walks (RW), Cityscapes vehicles (not in the paper).
_base_ = './deeplabv3_x101_cityscapes_vehicles_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
