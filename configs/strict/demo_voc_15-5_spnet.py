# SPNet, generated demo data, 15-5.
_base_ = '../_base_/strict_demo.py'
model = _base_.strict
protocol = dict(rounds=0)  # no self-training
