# AFA, and U2PL+ from image-level labels on it (U2PL+, sections 3.5.2 and 4.3): what
# each method changes in the model. A config takes one, `model = _base_.u2pl`; its
# bundle adds the widths of the network, the number of classes and the iterations.
afa = dict(
    type='ImageLevelEncoderDecoder',
    image_head=dict(
        type='ImageLabelHead',
        pooling='max',  # code
        loss=dict(type='MultiLabelSoftMarginLoss'),  # eq. 6
    ),
    scales=(1.0, 0.5, 1.5),  # code
    background=0.45,  # code, at test
    pseudo_labels=dict(
        background_low=0.35,  # code
        background_high=0.55,  # code
        refinement=dict(dilations=(1, 2, 4, 8, 12, 24), iterations=10),  # code
        shrink=2,  # code: refined at half the crop's size
        radius=8,  # code, in tokens
    ),
    affinity=dict(type='AttentionAffinity', in_channels=16),  # 2 blocks of 8 heads
    affinity_loss=dict(type='AffinityLoss', loss_weight=0.1),  # code
    decode_head=dict(  # code: half background, half objects, weight 0.1
        loss_decode=dict(type='BalancedCrossEntropyLoss', loss_weight=0.1)
    ),
)
cam = dict(afa, affinity=None)  # the classifier alone; the bundle never ends its stage
u2pl = dict(
    afa,
    type='ImageLevelU2PLEncoderDecoder',
    representation_head=dict(
        type='RepresentationHead',
        channels=256,  # section 4.1
        dropout_ratio=0.1,  # code of the semi-supervised setting
    ),
    memory_bank=dict(
        type='PrototypeMemoryBank',
        channels=256,
        length=30000,  # code of the semi-supervised setting
        background_length=None,  # class 0 is no background here
        momentum=0.999,  # eq. 18
    ),
    contrastive_loss=dict(
        type='ActivationContrastiveLoss',
        threshold=0.45,  # not given; AFA, which the paper follows, tests with this
        negatives=('absent', 'unreliable'),  # eq. 31
        num_anchors=256,  # section 3.2
        num_negatives=50,  # section 3.2
        temperature=0.5,  # section 3.2
        loss_weight=0.1,  # not given; that of the conference paper
    ),
)
full = dict(  # full supervision, the upper bound, on `full_data`
    type='StripedEncoderDecoder',
    decode_head=dict(loss_decode=dict(type='CrossEntropyLoss')),
)
image_evaluator = [
    dict(type='IoUMetric', iou_metrics=['mIoU']),
    dict(type='MapIoUMetric', field='cam_sem_seg', prefix='cam', iou_metrics=['mIoU']),
    dict(
        type='MapIoUMetric',
        field='pseudo_sem_seg',
        prefix='pseudo',
        iou_metrics=['mIoU'],
    ),
    dict(type='ImageLabelF1Metric'),
]
# tools/test.py --tta --crf. Code: the mean of an image and its mirror image, then the
# largest logits over the scales.
tta_model = dict(type='MaxVotingTTAModel', vote='logits')
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=(side, side), keep_ratio=True)
                for side in (512, 256, 384)
            ],
            [
                dict(type='RandomFlip', prob=0.0, direction='horizontal'),
                dict(type='RandomFlip', prob=1.0, direction='horizontal'),
            ],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
dense_crf = dict(  # code
    iterations=10,
    gaussian_std=3.0,
    gaussian_weight=3.0,
    bilateral_xy=64.0,
    bilateral_rgb=5.0,
    bilateral_weight=4.0,
)
