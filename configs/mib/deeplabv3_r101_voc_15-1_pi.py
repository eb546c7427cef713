# Path Integral (PI), VOC 15-1, overlapped (Table 1: 0.0, 1.8, 0.5).
_base_ = './deeplabv3_r101_voc_15-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='pi', weight=500.0),  # code
]
