# U2PL+ from image labels, real VOC photographs.
_base_ = '../_base_/afa_vocreal.py'
model = _base_.u2pl
custom_hooks = _base_.bank_hooks
