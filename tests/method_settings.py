"""Settings of methods that the tests of several modules share."""

__all__ = ['CROSS_DOMAIN', 'UNIMATCH', 'UNIMATCH_V2']

# Mixing across domains as in DAFormer; thresholds are for tiny networks.
CROSS_DOMAIN = dict(
    student_passes='per_source',
    teacher_mode='train_norm',
    confidence_weight='batch',
    confidence_threshold=0.3,
    mixing='classmix',
    mixing_partner='labeled',
    mixing_classes='batch',
)
# UniMatch's two, as published.
_CONFIDENT = dict(
    threshold=0.95,
    mixing='cutmix',
    mixing_prob=0.5,
    mixing_per_sample=True,
    mixing_area=(0.02, 0.4),
    strong_view=dict(),
)
UNIMATCH = dict(
    _CONFIDENT,
    type='UniMatchEncoderDecoder',
    num_strong_views=2,
    unlabeled_weight=0.25,
)
UNIMATCH_V2 = dict(_CONFIDENT, type='UniMatchV2EncoderDecoder', unlabeled_weight=0.5)
