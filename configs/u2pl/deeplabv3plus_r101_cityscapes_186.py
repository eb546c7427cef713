# U2PL+, Cityscapes, 186 labels (Table 2: 76.09).
_base_ = './deeplabv3plus_r101_cityscapes_186_cutmix.py'
model = dict(type='U2PLEncoderDecoder', **_base_.u2pl)
model['memory_bank'] = dict(_base_.u2pl['memory_bank'], num_classes=19)
custom_hooks = [*_base_.custom_hooks, dict(type='PrototypeMemoryBankHook')]
