# U2PL without dynamic partition (Table 4, row 3).
_base_ = '../_base_/u2pl_demo.py'
model = dict(_base_.u2pl, dynamic_partition=False)
