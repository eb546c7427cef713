# Elastic Weight Consolidation (EWC), real VOC 3-1.
_base_ = './deeplabv3_mobilenetv2_vocreal_3-1_ft.py'
custom_hooks = [
    *_base_.custom_hooks,
    dict(type='ParameterImportanceHook', importance='ewc', weight=500.0),  # code
]
