# VOC 2012 with points (MiB, section 6.3.1).
_base_ = [
    './models/fcn_r101-d8.py',
    './datasets/voc_points_512x512.py',
    './schedules/mib_30e.py',
    './methods/mib_weak.py',
    './default_runtime.py',
]
# Section 6.3.1: 1e-4 was better than the 1e-5 of "What's the Point".
optim_wrapper = dict(optimizer=dict(lr=1e-4, nesterov=False))
