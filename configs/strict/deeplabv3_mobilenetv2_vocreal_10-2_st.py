# SPNet+ST: self-training without consistency, VOC subset.
_base_ = '../_base_/strict_vocreal.py'
model = _base_.st
protocol = dict(rounds=1)
