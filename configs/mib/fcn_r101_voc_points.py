# MiB with points, VOC 2012 (Table 5: mIoU 46.7, accuracy 83.6).
_base_ = [
    '../_base_/models/fcn_r101-d8.py',
    '../_base_/datasets/voc_points_512x512.py',
    '../_base_/schedules/mib_30e.py',
    '../_base_/methods/mib_weak.py',
    '../_base_/default_runtime.py',
]
model = dict(decode_head=dict(loss_decode=_base_.mib_weak_loss))
# Section 6.3.1: 1e-4 was better than the 1e-5 of "What's the Point" (45.3).
optim_wrapper = dict(optimizer=dict(lr=1e-4, nesterov=False))
