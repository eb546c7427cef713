# U2PL+, real VOC photographs, 1/16 of the labels.
_base_ = './deeplabv3_mobilenetv2_vocreal_1-16_cutmix.py'
model = dict(type='U2PLEncoderDecoder', **_base_.u2pl)
model['representation_head'] = dict(
    type='RepresentationHead', in_channels=64, channels=64, dropout_ratio=0.0
)
model['memory_bank'] = dict(
    _base_.u2pl['memory_bank'],
    num_classes=13,
    channels=64,
    length=3000,
    background_length=5000,
)
# The text beside eq. 4; Table 7's 0.5 does harm in short runs, see README.md.
model['unlabeled_loss'] = dict(_base_.u2pl['unlabeled_loss'], xi2=0.1)
custom_hooks = [*_base_.custom_hooks, dict(type='PrototypeMemoryBankHook')]
