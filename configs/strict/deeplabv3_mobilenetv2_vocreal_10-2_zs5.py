# The filter of ZS5 in place of consistency, on SPNet, VOC subset.
_base_ = '../_base_/strict_vocreal.py'
model = _base_.zs5
protocol = dict(rounds=1)
