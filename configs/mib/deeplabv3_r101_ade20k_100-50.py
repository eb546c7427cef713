# MiB, ADE20K 100-50 (Table 3, mean of two class orders: 1-100 37.9, 101-150 27.9,
# all 34.6).
_base_ = [
    '../_base_/models/deeplabv3_r101-d16.py',
    '../_base_/datasets/ade20k_incremental_512x512.py',
    '../_base_/schedules/mib_30e.py',
    '../_base_/methods/mib.py',
    '../_base_/default_runtime.py',
]
model = dict(
    type='IncrementalEncoderDecoder',
    decode_head=dict(loss_decode=_base_.mib_loss),
    distillation=_base_.mib_distillation,
)
# Section 6.2.2: 60 epochs in every step.
train_cfg = dict(max_epochs=60, val_interval=60)
param_scheduler = [
    dict(
        type='PolyLR',
        power=0.9,
        eta_min=0,
        begin=0,
        end=60,
        by_epoch=True,
        convert_to_iter_based=True,
    )
]
protocol = dict(
    task='ade20k_100-50',
    # Section 6.2.4: disjoint sets of images. The authors' own lists, if you have
    # them, go into the data sets' `image_lists`.
    setup='partition',
    next_steps=dict(optim_wrapper=dict(optimizer=dict(lr=0.001))),  # section 6.2.2
    score_background=False,  # unlabelled pixels are ignored at test
)
