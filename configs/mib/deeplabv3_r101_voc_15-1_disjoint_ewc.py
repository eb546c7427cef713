# Elastic Weight Consolidation (EWC), VOC 15-1, disjoint (Table 1: 0.3, 4.3, 1.3).
_base_ = './deeplabv3_r101_voc_15-1_disjoint_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='ewc', weight=500.0),  # code
]
