# The filter of ZS5 in place of consistency, on SPNet, COCO-Stuff.
_base_ = '../_base_/strict_cocostuff.py'
model = _base_.zs5
protocol = dict(rounds=1)
