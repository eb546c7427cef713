# Elastic Weight Consolidation (EWC), VOC 15-5, disjoint (Table 1: 26.7, 37.7, 29.4).
_base_ = './deeplabv3_r101_voc_15-5_disjoint_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='ewc', weight=500.0),  # code
]
