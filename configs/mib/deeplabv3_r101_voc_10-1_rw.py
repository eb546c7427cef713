# Riemannian Walks (RW), VOC 10-1, overlapped (not in the paper).
_base_ = './deeplabv3_r101_voc_10-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
