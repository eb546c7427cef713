# Path Integral (PI), VOC 15-5, overlapped (Table 1: 1.6, 33.3, 9.5).
_base_ = './deeplabv3_r101_voc_15-5_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='pi', weight=500.0),  # code
]
