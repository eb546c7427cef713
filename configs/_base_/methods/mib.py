# Modeling the Background (MiB), section 4. A config takes the two variables into its
# model, because MMEngine does not merge `model` from two bases:
#   model = dict(
#       type='IncrementalEncoderDecoder',
#       decode_head=dict(loss_decode=_base_.mib_loss),
#       distillation=_base_.mib_distillation)
mib_loss = dict(  # eq. 5-6; the protocol sets num_old_classes for each step
    type='UnbiasedCrossEntropyLoss', num_old_classes=1, loss_weight=1.0
)
mib_distillation = [  # eq. 9
    dict(
        type='UnbiasedKnowledgeDistillationLoss',
        alpha=1.0,  # code: no temperature
        # The author in issue 43 of the authors' repository: 100 for 15-1, 10
        # elsewhere, in units where the loss is also averaged over the old classes.
        loss_weight=10.0,
    )
]
protocol = dict(
    type='ClassIncrementalProtocol',
    setup='overlapped',  # section 6.2.3
    classifier_init='background',  # eq. 10-11
)
