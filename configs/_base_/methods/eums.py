# EUMS, novel class discovery in semantic segmentation (section 3): `eums` is what it
# changes in the model, `protocol` are its stages. The rows of Table 2 leave parts out:
# `entropy_ranking=None`, `reassignment=None`, `self_training=False` of the protocol.
eums = dict(
    type='NovelClassEncoderDecoder',
    variant='official',  # code: half of each labeled loss; eq. 10 adds them up
    threshold=0.0,  # section 4.1: eta
    ramp_up=5,  # section 3.3.2: T, in epochs
    strong_view=dict(  # code: color jitter alone
        brightness=0.5,
        contrast=0.5,
        saturation=0.5,
        hue=0.25,
        jitter_prob=1.0,
        grayscale_prob=0.0,
        blur_prob=0.0,
    ),
    student_passes='per_source',  # code: base, clean, unclean
    teacher_mode='train',  # code: its decoder; over the unclean images alone
)
protocol = dict(
    type='NovelClassDiscoveryProtocol',
    source_counts=dict(base=8, clean=8, unclean=8),  # section 4.1
    entropy_ranking=0.67,  # section 4.1: lambda
    reassignment=dict(keep=0.5, begin=5),  # section 3.3.2: half, after 5 epochs
    self_training=True,
    teacher=dict(
        type='EMATeacherHook',
        momentum=0.99,  # code
        ramp=False,  # code
        buffers='own',  # code: averages parameters only
    ),
)
basic = dict(entropy_ranking=None, reassignment=None)  # basic framework, eq. 5
# Ours, for small data, where the authors' teacher loses to the basic framework: one
# pass over all sources, and a teacher with the student's running statistics.
joint_student = dict(student_passes='joint', teacher_mode='eval')
joint_teacher = dict(ramp=True, buffers='copy')
# Section 4.1, on ImageNet's ResNet-50; small experiments have their own settings.
clustering = dict(
    type='NovelClusteringJob',
    features=dict(  # layer 4
        backbone=dict(
            type='ResNet',
            depth=50,
            strides=(1, 2, 1, 1),  # code: dilated, stride 8
            dilations=(1, 1, 2, 4),
            contract_dilation=True,
            out_indices=(3,),
            style='pytorch',
            init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
        ),
        size=(512, 512),  # code
    ),
    base_confidence=0.9,  # tau
    min_area=1500,  # code, in pixels
    pca_dim=32,  # code, whitened
)
