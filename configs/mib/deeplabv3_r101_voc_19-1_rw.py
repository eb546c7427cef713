# Riemannian Walks (RW), VOC 19-1, overlapped (Table 1: 23.3, 14.2, 22.9).
_base_ = './deeplabv3_r101_voc_19-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
