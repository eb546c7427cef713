# Modeling the Background (MiB), section 4, and the baselines of section 6.2.1. Each is
# all that the method is in a model; a config takes one: `model = _base_.lwf`. The
# baselines start their new classifiers at random: `protocol.classifier_init`.
mib = dict(
    type='IncrementalEncoderDecoder',
    decode_head=dict(
        loss_decode=dict(  # eq. 5-6
            type='UnbiasedCrossEntropyLoss',
            num_old_classes=1,  # the protocol sets it for each step
            loss_weight=1.0,
        )
    ),
    distillation=[  # eq. 9
        dict(
            type='UnbiasedKnowledgeDistillationLoss',
            alpha=1.0,  # code: no temperature
            # The author in issue 43 of the authors' repository: 100 for 15-1, 10
            # elsewhere, in units where the loss is also averaged over the old classes.
            loss_weight=10.0,
        )
    ],
)
mib_15_1 = dict(mib, distillation=[dict(mib['distillation'][0], loss_weight=100.0)])

ft = dict(  # fine-tuning
    type='IncrementalEncoderDecoder',
    decode_head=dict(loss_decode=dict(type='CrossEntropyLoss')),
    distillation=[],
)
# Fine-tuning and one thing more, with the strengths of the authors' code.
lwf = dict(
    ft,
    distillation=[dict(type='KnowledgeDistillationLoss', alpha=1.0, loss_weight=100.0)],
)
lwf_ce = dict(lwf, decode_head=mib['decode_head'])  # 'LwF + CE' (Table 2)
ilt = dict(
    ft,
    distillation=[
        *lwf['distillation'],
        dict(type='FeatureDistillationLoss', loss_weight=100.0),
    ],
)
lwf_mc = dict(
    ft,
    decode_head=dict(
        loss_decode=dict(
            type='IncrementalBCELoss',
            num_old_classes=1,  # the protocol sets it for each step
            variant='official',  # code: old classes are negatives, too
        )
    ),
    distillation=[dict(type='BinaryDistillationLoss', loss_weight=10.0)],
)
# PLOP, 'code' being arthurdouillard/CVPR2021_PLOP; with `_base_.plop_thresholds` in
# `custom_hooks`.
plop = dict(
    type='BackgroundLabelingEncoderDecoder',
    thresholds='median',  # paper; 'official': the code's, which are none
    decode_head=dict(loss_decode=dict(type='CrossEntropyLoss')),  # of all pixels
    distillation=[
        dict(
            type='LocalPODLoss',
            scales=(1, 2, 4),  # code
            loss_weight=0.01,  # code: features, VOC
            logit_weight=0.0005,  # code: VOC
        )
    ],
)
plop_ade = dict(
    plop,
    distillation=[
        dict(plop['distillation'][0], loss_weight=0.001, logit_weight=0.00001)
    ],
)
plop_thresholds = dict(type='EntropyThresholdHook')
# SSUL, 'code' being clovaai/SSUL; with `_base_.ssul_teacher` in `custom_hooks`,
# `_base_.ssul_protocol`, and LabelSalientPixels in the training pipeline.
ssul = dict(
    type='UnknownClassEncoderDecoder',
    threshold=0.7,  # code
    decode_head=dict(
        type='StepBranchHead',
        step_sizes=(20,),  # the protocol sets it for each step
        dropout_ratio=0.1,  # code
        loss_decode=dict(
            type='IncrementalBCELoss',
            num_old_classes=1,  # the protocol sets it for each step
            # The unknown class is one like the others. Old ones are left out: their
            # branches are frozen, so they would only cost time.
            variant='paper',
            avg_non_ignore=True,  # code
        ),
    ),
)
ssul_teacher = dict(type='FrozenTeacherHook')
ssul_protocol = dict(
    classifier_init='unknown',  # code
    next_steps=dict(  # code
        optim_wrapper=dict(
            paramwise_cfg=dict(custom_keys=dict(background=dict(lr_mult=1e-4)))
        )
    ),
)
# These are `ft` and a hook: `custom_hooks = [*_base_.custom_hooks, _base_.ewc]`.
# variant='official': their importance, too, which is not that of the methods' papers.
ewc = dict(
    type='ParameterImportanceHook', importance='ewc', weight=500.0, variant='official'
)
pi = dict(ewc, importance='pi')
rw = dict(ewc, importance='rw', weight=100.0)
# EWF: a hook, too, on any of the methods above.
ewf = dict(
    type='WeightFusionHook',
    fix_old_classifier=True,  # code: --fix_pre_cls in every script
)

protocol = dict(
    type='ClassIncrementalProtocol',
    setup='overlapped',  # section 6.2.3; 'disjoint', 'joint': an option
    classifier_init='background',  # eq. 10-11
)
