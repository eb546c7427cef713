# U2PL with reliable negatives as well (Table 4, row 5).
_base_ = '../_base_/u2pl_demo.py'
model = dict(_base_.u2pl, negatives=('labeled', 'reliable', 'unreliable'))
