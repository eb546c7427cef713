# EUMS, novel class discovery in semantic segmentation (section 3). A config takes the
# settings into its model, because MMEngine does not merge `model` of two bases:
#   model = dict(**_base_.eums)
# The rows of Table 2 leave parts out: `entropy_ranking=None`, `reassignment=None`,
# `self_training=False` of the protocol.
eums = dict(
    type='NovelClassEncoderDecoder',
    variant='official',  # code: half of each labelled loss; eq. 10 adds them up
    threshold=0.0,  # section 4.1: eta
    ramp_up=5,  # section 3.3.2: T, in epochs
    strong_view=dict(  # code: colour jitter alone
        brightness=0.5,
        contrast=0.5,
        saturation=0.5,
        hue=0.25,
        jitter_prob=1.0,
        grayscale_prob=0.0,
        blur_prob=0.0,
    ),
    teacher_mode='train',  # code: its decoder's batch norm is in train mode
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
        buffers='own',  # code: averages parameters only
    ),
)
