# U2PL+, real VOC photographs, 1/8 of the labels.
_base_ = './deeplabv3_mobilenetv2_vocreal_1-8_cutmix.py'
model = dict(type='U2PLEncoderDecoder', **_base_.u2pl)
model['memory_bank'] = dict(_base_.u2pl['memory_bank'], num_classes=13)
custom_hooks = [*_base_.custom_hooks, dict(type='PrototypeMemoryBankHook')]
