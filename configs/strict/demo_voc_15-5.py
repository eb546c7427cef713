# STRICT on the generated demo data, 15 seen and 5 unseen classes, no background: SPNet
# and two rounds in a few minutes.
_base_ = '../_base_/strict_demo.py'
model = _base_.strict
