# U2PL with negatives of the lowest entropy as well, R in Table 3 (Table 4, row 5).
_base_ = '../_base_/u2pl_demo.py'
model = dict(_base_.u2pl, negatives=('labeled', 'surest', 'unreliable'))
