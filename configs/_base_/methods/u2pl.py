# U2PL+ (section 3) and the baselines that it builds on. A config takes the settings
# into its model, because MMEngine does not merge `model` of two bases:
#   model = dict(type='U2PLEncoderDecoder', **_base_.u2pl)
ema_teacher = dict(
    type='EMATeacherHook',
    momentum=0.99,  # code, with the ramp min(1 - 1 / (update + 1), 0.99)
    buffers='copy',  # the code's teacher has statistics of its own ('own')
)
panels = dict(type='PseudoLabelPanelHook', num_images=4)
cutmix = dict(mixing='cutmix', mixing_prob=0.5)  # code: half of the iterations
u2pl = dict(
    **cutmix,
    unreliable=0.2,  # section 3.3
    representation_head=dict(
        type='RepresentationHead',
        in_channels=512,
        channels=256,  # section 4.1
        layer='sep_bottleneck',  # code: the fused features
        dropout_ratio=0.1,  # code
        norm_cfg=dict(type='SyncBN', requires_grad=True),
    ),
    memory_bank=dict(
        type='PrototypeMemoryBank',
        num_classes=21,
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
