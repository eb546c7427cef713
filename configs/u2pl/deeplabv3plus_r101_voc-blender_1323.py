# U2PL+, blender VOC, 1323 labels (Table 2: 79.35).
_base_ = './deeplabv3plus_r101_voc-blender_1323_cutmix.py'
model = dict(type='U2PLEncoderDecoder', **_base_.u2pl)
custom_hooks = [*_base_.custom_hooks, dict(type='PrototypeMemoryBankHook')]
