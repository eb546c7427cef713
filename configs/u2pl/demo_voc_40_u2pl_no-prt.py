# U2PL without probability ranks (Table 4, row 4).
_base_ = '../_base_/u2pl_demo.py'
model = dict(
    _base_.u2pl,
    contrastive_loss=dict(_base_.u2pl.contrastive_loss, low_rank=1, high_rank=21),
)
