# Path Integral (PI), VOC 19-1, disjoint (Table 1: 5.4, 14.1, 5.9).
_base_ = './deeplabv3_r101_voc_19-1_disjoint_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='pi', weight=500.0),  # code
]
