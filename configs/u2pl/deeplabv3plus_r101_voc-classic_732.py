# U2PL+, classic VOC, 732 labels (Table 1: 77.09).
_base_ = './deeplabv3plus_r101_voc-classic_732_cutmix.py'
model = dict(type='U2PLEncoderDecoder', **_base_.u2pl)
custom_hooks = [*_base_.custom_hooks, dict(type='PrototypeMemoryBankHook')]
