# MiB, Cityscapes vehicles (Table 4: old 69.4, novel 66.6, all 68.5).
_base_ = [
    '../_base_/models/deeplabv3_x101-d16.py',
    '../_base_/datasets/cityscapes_incremental_512x512.py',
    '../_base_/schedules/mib_30e.py',
    '../_base_/methods/mib.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='IncrementalEncoderDecoder',
    decode_head=dict(loss_decode=_base_.mib_loss),
    distillation=_base_.mib_distillation,
)
# Section 6.2.2: 360 epochs in every step, 2e-3 in the first and 2e-4 in the following.
optim_wrapper = dict(optimizer=dict(lr=0.002))
train_cfg = dict(max_epochs=360, val_interval=360)
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0,
        begin=0,
        end=360,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
protocol = dict(
    task='cityscapes_vehicles',
    setup='partition',  # section 6.2.5: disjoint sets of images, as for ADE20K
    next_steps=dict(optim_wrapper=dict(optimizer=dict(lr=0.0002))),
    score_background=False,  # unlabelled pixels are ignored at test
)
