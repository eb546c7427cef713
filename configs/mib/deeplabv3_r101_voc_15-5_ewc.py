# Elastic Weight Consolidation (EWC), VOC 15-5, overlapped (Table 1: 24.3, 35.5, 27.1).
_base_ = './deeplabv3_r101_voc_15-5_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='ewc', weight=500.0),  # code
]
