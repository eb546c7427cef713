# MiB, VOC 15-5, overlapped (Table 1: old 75.5, new 49.4, all 69.0).
_base_ = [
    '../_base_/models/deeplabv3_r101-d16.py',
    '../_base_/datasets/voc_incremental_512x512.py',
    '../_base_/schedules/mib_30e.py',
    '../_base_/methods/mib.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='IncrementalEncoderDecoder',
    decode_head=dict(loss_decode=_base_.mib_loss),
    distillation=_base_.mib_distillation,
)
protocol = dict(
    task='voc_15-5',
    # Section 6.2.2: 0.01 in the first step, 0.001 in the following ones.
    next_steps=dict(optim_wrapper=dict(optimizer=dict(lr=0.001))),
)
