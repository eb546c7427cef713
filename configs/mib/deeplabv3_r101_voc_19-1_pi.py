# Path Integral (PI), VOC 19-1, overlapped (Table 1: 7.5, 14.0, 7.8).
_base_ = './deeplabv3_r101_voc_19-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='pi', weight=500.0),  # code
]
