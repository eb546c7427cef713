# Contrast alone (Table 4, row 2): no bank, thresholds of rank or entropy.
_base_ = './demo_voc_40.py'
model = dict(
    unreliable=0.0,
    dynamic_partition=False,
    denoise=False,
    negatives=('labeled', 'reliable', 'unreliable'),
    memory_bank=dict(momentum=0.0, keep=False),
    contrastive_loss=dict(low_rank=1, high_rank=21),
    unlabeled_loss=dict(_delete_=True, type='CrossEntropyLoss'),
)
