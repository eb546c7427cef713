# STRICT on real VOC photographs: 10 seen classes, cat and sheep unseen, no background.
_base_ = '../_base_/strict_vocreal.py'
model = _base_.strict
