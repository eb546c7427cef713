# ADE20K with points (MiB, section 6.3.3).
_base_ = [
    './models/fcn_r101-d8.py',
    './datasets/ade20k_points_512x512.py',
    './schedules/mib_30e.py',
    './methods/mib_weak.py',
    './default_runtime.py',
]
model = dict(decode_head=dict(num_classes=150))
optim_wrapper = dict(optimizer=dict(lr=1e-3, nesterov=False))  # section 6.3.3
