"""Settings of methods that the tests of several modules share."""

__all__ = ['CROSS_DOMAIN', 'UNIMATCH_V2']

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
UNIMATCH_V2 = dict(
    type='UniMatchV2EncoderDecoder',
    threshold=0.95,
    mixing='cutmix',
    mixing_prob=0.5,
    mixing_per_sample=True,
    mixing_area=(0.02, 0.4),
    strong_view=dict(),
    unlabeled_weight=0.5,
)
