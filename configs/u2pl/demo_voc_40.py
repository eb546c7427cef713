# U2PL+, generated demo data, 40 labels.
_base_ = './demo_voc_40_cutmix.py'
model = dict(type='U2PLEncoderDecoder', **_base_.u2pl)
model['representation_head'] = dict(
    type='RepresentationHead', in_channels=48, channels=64, dropout_ratio=0.0
)
model['memory_bank'] = dict(
    _base_.u2pl['memory_bank'], channels=64, length=3000, background_length=5000
)
# The text beside eq. 4; Table 7's 0.5 does harm in short runs, see README.md.
model['unlabeled_loss'] = dict(_base_.u2pl['unlabeled_loss'], xi2=0.1)
custom_hooks = [*_base_.custom_hooks, dict(type='PrototypeMemoryBankHook')]
