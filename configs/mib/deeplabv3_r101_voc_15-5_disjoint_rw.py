# Riemannian Walks (RW), VOC 15-5, disjoint (Table 1: 17.9, 36.9, 22.7).
_base_ = './deeplabv3_r101_voc_15-5_disjoint_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
