# U2PL without dynamic partition (Table 4, row 3).
_base_ = './demo_voc_40_u2pl.py'
model = dict(dynamic_partition=False)
