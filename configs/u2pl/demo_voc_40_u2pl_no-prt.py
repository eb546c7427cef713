# U2PL without probability ranks (Table 4, row 4).
_base_ = './demo_voc_40_u2pl.py'
model = dict(contrastive_loss=dict(low_rank=1, high_rank=21))
