# U2PL as its code trains it, real VOC photographs, 1/16 of the labels.
_base_ = '../_base_/u2pl_vocreal.py'
model = _base_.u2pl_official
custom_hooks = _base_.official_hooks
