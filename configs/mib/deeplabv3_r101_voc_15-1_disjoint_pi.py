# Path Integral (PI), VOC 15-1, disjoint (Table 1: 0.0, 1.8, 0.4).
_base_ = './deeplabv3_r101_voc_15-1_disjoint_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='pi', weight=500.0),  # code
]
