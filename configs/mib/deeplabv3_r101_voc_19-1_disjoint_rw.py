# Riemannian Walks (RW), VOC 19-1, disjoint (Table 1: 19.4, 15.7, 19.2).
_base_ = './deeplabv3_r101_voc_19-1_disjoint_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
