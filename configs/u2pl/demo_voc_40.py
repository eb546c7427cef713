# U2PL+, generated demo data, 40 labels.
_base_ = '../_base_/u2pl_demo.py'
model = _base_.u2pl_plus
