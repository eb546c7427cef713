# Riemannian Walks (RW), VOC 15-1, disjoint (Table 1: 0.2, 5.4, 1.5).
_base_ = './deeplabv3_r101_voc_15-1_disjoint_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='rw', weight=100.0),  # code
]
