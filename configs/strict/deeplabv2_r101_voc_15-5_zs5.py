# The filter of ZS5 in place of consistency, on SPNet, VOC 15-5.
_base_ = '../_base_/strict_voc.py'
model = _base_.zs5
protocol = dict(rounds=1)
