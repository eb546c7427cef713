# Class-incremental ADE20K (MiB, section 6.2.4).
_base_ = [
    './models/deeplabv3_r101-d16.py',
    './datasets/ade20k_incremental_512x512.py',
    './schedules/mib_30e.py',
    './methods/mib.py',
    './default_runtime.py',
]
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
    # Section 6.2.4: disjoint sets of images, by the rule in the authors' code. Their
    # own lists can go into the training dataset's `image_lists` (data/README.md).
    setup='partition',
    next_steps=dict(optim_wrapper=dict(optimizer=dict(lr=0.001))),  # section 6.2.2
    score_background=False,  # unlabeled pixels are ignored at test
)
