# Contrast alone (Table 4, row 2): U2PL without bank, partition and ranks, and with
# thresholds of rank or entropy.
_base_ = '../_base_/u2pl_demo.py'
model = dict(
    _base_.u2pl,
    unreliable=0.0,
    dynamic_partition=False,
    negatives=('labeled', 'reliable', 'unreliable'),
    memory_bank=dict(_base_.u2pl.memory_bank, keep=False),
    contrastive_loss=dict(_base_.u2pl.contrastive_loss, low_rank=1, high_rank=21),
)
