# U2PL+, blender VOC, 2646 labels (Table 2: 80.21).
_base_ = './deeplabv3plus_r101_voc-blender_2646_cutmix.py'
model = dict(type='U2PLEncoderDecoder', **_base_.u2pl)
custom_hooks = [*_base_.custom_hooks, dict(type='PrototypeMemoryBankHook')]
