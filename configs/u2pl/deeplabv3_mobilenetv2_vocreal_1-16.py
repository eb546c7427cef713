# U2PL+, real VOC photographs, 1/16 of the labels.
_base_ = '../_base_/u2pl_vocreal.py'
model = _base_.u2pl_plus
