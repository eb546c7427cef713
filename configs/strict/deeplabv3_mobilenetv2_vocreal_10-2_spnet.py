# SPNet, VOC subset.
_base_ = '../_base_/strict_vocreal.py'
model = _base_.strict
protocol = dict(rounds=0)  # no self-training
