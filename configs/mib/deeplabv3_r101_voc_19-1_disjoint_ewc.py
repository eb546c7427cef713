# Elastic Weight Consolidation (EWC), VOC 19-1, disjoint (Table 1: 23.2, 16.0, 22.9).
_base_ = './deeplabv3_r101_voc_19-1_disjoint_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='ewc', weight=500.0),  # code
]
