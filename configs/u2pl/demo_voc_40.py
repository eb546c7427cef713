# U2PL+, generated demo data, 40 labels.
_base_ = './demo_voc_40_cutmix.py'
model = dict(type='U2PLEncoderDecoder', **_base_.u2pl)
model['representation_head'] = dict(_base_.u2pl['representation_head'], in_channels=48)
custom_hooks = [*_base_.custom_hooks, dict(type='PrototypeMemoryBankHook')]
