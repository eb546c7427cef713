# Elastic Weight Consolidation (EWC), demo VOC 15-1.
_base_ = './demo_voc_15-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='ewc', weight=500.0),  # code
]
