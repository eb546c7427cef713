# Class-incremental VOC 2012 (MiB, section 6.2.3).
_base_ = [
    './models/deeplabv3_r101-d16.py',
    './datasets/voc_incremental_512x512.py',
    './schedules/mib_30e.py',
    './methods/mib.py',
    './default_runtime.py',
]
protocol = dict(
    # Section 6.2.2: 0.01 in the first step, 0.001 in the following ones.
    next_steps=dict(optim_wrapper=dict(optimizer=dict(lr=0.001))),
)
