# MiB with points, ADE20K, own protocol (Table 7: 22.9, 62.2).
_base_ = [
    '../_base_/models/fcn_r101-d8.py',
    '../_base_/datasets/ade20k_points_512x512.py',
    '../_base_/schedules/mib_30e.py',
    '../_base_/methods/mib_weak.py',
    '../_base_/default_runtime.py',
]
model = dict(
    decode_head=dict(
        num_classes=150,
        # Scene parsing has no background class (section 5.2).
        loss_decode=dict(_base_.mib_weak_loss, background=False),
    )
)
optim_wrapper = dict(optimizer=dict(lr=1e-3, nesterov=False))  # section 6.3.3
