# DAFormer, and U2PL+, MIC and SePiCo on it: what each method changes in the model, and
# the hooks of a mean teacher. A config takes one, `model = _base_.daformer`. Numbers
# without a remark are those of DAFormer's code.
self_training = dict(
    type='MeanTeacherEncoderDecoder',
    labeled_sources=('source',),
    unlabeled_sources=('target',),
    student_passes='per_source',
    teacher_mode='train_norm',
    confidence_weight='batch',
    confidence_threshold=0.968,
    ignore_rows=(15, 120),  # of crops of 512
    mixing='classmix',
    mixing_partner='labeled',
    mixing_classes='batch',
    strong_view=dict(
        brightness=0.2,
        contrast=0.2,
        saturation=0.2,
        hue=0.2,
        jitter_prob=0.8,
        grayscale_prob=0.0,
        blur_prob=0.5,
        blur_sigma=(0.15, 1.15),
        whole_batch=True,
    ),
)
daformer = dict(
    self_training,
    feature_distance=dict(
        type='FeatureDistance',
        # traffic light and sign, person to bicycle
        classes=[6, 7, 11, 12, 13, 14, 15, 16, 17, 18],
        min_ratio=0.75,
        loss_weight=0.005,
    ),
)
mic = dict(
    daformer,
    masked_view=dict(block_size=32, mask_ratio=0.7, weight=1.0),  # code of MIC
)
sepico = dict(  # code of SePiCo, experiment 4: DistCL
    self_training,
    type='SePiCoEncoderDecoder',
    representation_head=dict(type='MultiLevelRepresentationHead', channels=256),
    class_statistics=dict(type='ClassStatistics', channels=256),
    contrastive_loss=dict(
        type='DistributionContrastiveLoss',
        temperature=100.0,
        regularizer=1.0,
        min_ratio=0.75,
        loss_weight=1.0,
    ),
    contrast_start=3000,
)
u2pl_plus = dict(
    daformer,
    type='U2PLEncoderDecoder',
    # U2PL+, section 4.2: contrast is added to DAFormer, whose pseudo-labels stay.
    entropy_filter=False,
    denoise=False,
    adaptive_weight=False,
    unreliable=0.2,  # section 3.3; falls to 0 over the iterations
    negatives=('labeled', 'unreliable'),  # Table 12
    representation_head=dict(
        type='RepresentationHead',
        channels=256,  # section 4.1
        dropout_ratio=0.0,
    ),
    memory_bank=dict(
        type='PrototypeMemoryBank',
        channels=256,
        length=30000,  # code of U2PL
        background_length=30000,  # class 0 is a class like others
        momentum=0.999,  # section 3.4
    ),
    contrastive_loss=dict(
        type='MemoryBankContrastiveLoss',
        num_anchors=256,  # section 3.2
        num_negatives=50,  # section 3.2
        temperature=0.5,  # section 3.2
        anchor_threshold=0.3,  # section 3.5.1
        low_rank=3,  # section 3.5.1
        high_rank=20,  # section 3.5.1: all ranks from 3 with 19 classes
        loss_weight=0.1,  # not given; U2PL's
    ),
)
teacher_hooks = [
    dict(type='SamplerStateHook'),
    dict(type='EMATeacherHook', momentum=0.999, buffers='own'),
    dict(type='PseudoLabelPanelHook', num_images=2),
]
self_training_hooks = [
    dict(type='SamplerStateHook'),
    dict(type='EMATeacherHook', momentum=0.99, buffers='own'),
    dict(type='PseudoLabelPanelHook', num_images=2),
]
