# Modeling the Background (MiB), section 5: points and scribbles. A config takes one of
# the losses into its decode head, because MMEngine does not merge `model` of two bases:
#   model = dict(decode_head=dict(loss_decode=_base_.mib_weak_loss))
mib_weak_loss = dict(  # eq. 13; the weight gamma of the second term is not published
    type='UnlabeledSetCrossEntropyLoss', gamma=1.0, background=True
)
pce_bkg_loss = dict(  # 'PCE + bkg', section 6.3.1: unlabelled pixels are background
    type='UnlabeledSetCrossEntropyLoss', gamma=1.0, unlabeled_classes='background'
)
pce_loss = dict(type='PartialCrossEntropyLoss')  # eq. 12
