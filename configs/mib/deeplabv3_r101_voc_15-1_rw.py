# Riemannian Walks (RW), VOC 15-1, overlapped (Table 1: 0.0, 5.2, 1.3).
_base_ = './deeplabv3_r101_voc_15-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
