# SPNet+ST: self-training without consistency, generated demo data, 15-5.
_base_ = '../_base_/strict_demo.py'
model = _base_.st
protocol = dict(rounds=1)
