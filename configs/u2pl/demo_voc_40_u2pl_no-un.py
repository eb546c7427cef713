# U2PL with reliable negatives as well (Table 4, row 5).
_base_ = './demo_voc_40_u2pl.py'
model = dict(negatives=('labeled', 'reliable', 'unreliable'))
