# Elastic Weight Consolidation (EWC), VOC 19-1, overlapped (Table 1: 26.9, 14.0, 26.3).
_base_ = './deeplabv3_r101_voc_19-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='ewc', weight=500.0),  # code
]
