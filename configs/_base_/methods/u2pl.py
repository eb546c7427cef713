# U2PL+ (section 3) and what it is compared with: what each method changes in the model,
# and the hooks of a mean teacher. A config takes one, `model = _base_.u2pl_plus`; its
# bundle adds the widths of the network and the number of classes.
mean_teacher = dict(type='MeanTeacherEncoderDecoder')
cutmix = dict(
    mean_teacher,
    mixing='cutmix',
    mixing_prob=0.5,  # code: half of the iterations
)
u2pl_plus = dict(
    cutmix,
    type='U2PLEncoderDecoder',
    unreliable=0.2,  # section 3.3
    representation_head=dict(
        type='RepresentationHead',
        channels=256,  # section 4.1
        dropout_ratio=0.1,  # code
    ),
    memory_bank=dict(
        type='PrototypeMemoryBank',
        channels=256,
        length=30000,  # code
        background_length=50000,  # code
        momentum=0.999,  # section 3.4
    ),
    contrastive_loss=dict(
        type='MemoryBankContrastiveLoss',
        num_anchors=256,  # section 3.2
        num_negatives=50,  # section 3.2
        temperature=0.5,  # section 3.2
        anchor_threshold=0.3,  # section 3.5.1
        low_rank=3,  # section 3.5.1
        high_rank=20,  # section 3.5.1
        loss_weight=0.1,  # paper; the code has 1, which the author calls robust
    ),
    # Eq. 4 with the best row of Table 7, whose figures are those of Tables 1-6; the
    # text beside it says 1 and 0.1.
    unlabeled_loss=dict(type='SymmetricCrossEntropyLoss', xi1=1.0, xi2=0.5),
)
u2pl = dict(  # CVPR 2022 (Table 4, row 6)
    u2pl_plus,
    denoise=False,
    memory_bank=dict(u2pl_plus['memory_bank'], momentum=0.0),
    unlabeled_loss=dict(type='CrossEntropyLoss'),
)
# UniMatch (CVPR 2023), 'code' being LiheYoung/UniMatch: its own teacher, so without
# `teacher_hooks`; `own_label_hooks` in their place.
unimatch = dict(
    type='UniMatchEncoderDecoder',
    threshold=0.95,  # code, VOC
    mixing='cutmix',
    mixing_prob=0.5,  # code: of each image
    mixing_per_sample=True,
    mixing_area=(0.02, 0.4),  # code
    num_strong_views=2,  # paper
    strong_view=dict(  # code
        brightness=0.5,
        contrast=0.5,
        saturation=0.5,
        hue=0.25,
        jitter_prob=0.8,
        grayscale_prob=0.2,
        blur_prob=0.5,
        blur_sigma=(0.1, 2.0),
    ),
    feature_dropout=0.5,  # code
    # (labels + strong / 2 + dropped / 2) / 2, where 'strong' is the mean of two views
    unlabeled_weight=0.25,
    feature_weight=1.0,
    decode_head=dict(
        loss_decode=dict(type='CrossEntropyLoss', avg_non_ignore=True, loss_weight=0.5)
    ),
)
own_label_hooks = [
    dict(type='SamplerStateHook'),
    dict(type='PseudoLabelPanelHook', num_images=4),
]
# UniMatch V2, 'code' being LiheYoung/UniMatch-V2; with `v2_teacher_hooks`.
unimatch_v2 = dict(
    type='UniMatchV2EncoderDecoder',
    threshold=0.95,  # code
    mixing='cutmix',
    mixing_prob=0.5,  # code: of each image
    mixing_per_sample=True,
    mixing_area=(0.02, 0.4),  # code
    strong_view=unimatch['strong_view'],  # code
    untouched=0.5,  # code
    unlabeled_weight=0.5,  # (labels + mean of the strong views) / 2
    decode_head=unimatch['decode_head'],
)
v2_teacher_hooks = [
    dict(type='SamplerStateHook'),
    # code, with the ramp min(1 - 1 / (update + 1), 0.996)
    dict(type='EMATeacherHook', momentum=0.996, buffers='ema'),
    dict(type='PseudoLabelPanelHook', num_images=4),
]
u2pl_official = dict(  # CVPR 2022 as its code trains it
    u2pl,
    type='U2PLOfficialEncoderDecoder',
    unlabeled_loss=dict(type='CrossEntropyLoss', avg_non_ignore=True),  # code
    contrastive_loss=dict(
        u2pl['contrastive_loss'],
        type='U2PLOfficialContrastiveLoss',
        loss_weight=1.0,  # code
    ),
)
teacher_hooks = [
    dict(type='SamplerStateHook'),
    dict(
        type='EMATeacherHook',
        momentum=0.99,  # code, with the ramp min(1 - 1 / (update + 1), 0.99)
        buffers='copy',  # the code's teacher has statistics of its own ('own')
    ),
    dict(type='PseudoLabelPanelHook', num_images=4),
]
official_teacher_hooks = [
    dict(type='SamplerStateHook'),
    dict(type='EMATeacherHook', momentum=0.99, buffers='own'),  # code
    dict(type='PseudoLabelPanelHook', num_images=4),
]
