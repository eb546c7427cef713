# Riemannian Walks (RW), VOC 15-5, overlapped (Table 1: 16.6, 34.9, 21.2).
_base_ = './deeplabv3_r101_voc_15-5_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
