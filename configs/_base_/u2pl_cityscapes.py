# U2PL+ on Cityscapes (section 4.1): DeepLabV3+ with ResNet-101, an auxiliary head and
# hard pixels, crops of 769 x 769, 2 labeled and 2 unlabeled images on each of 8 GPUs
# (code). The partition with 186 labels; configs name others.
_base_ = [
    './models/deeplabv3plus_r101-d8.py',
    './datasets/cityscapes_semi_769x769.py',
    './schedules/u2pl_voc.py',
    './methods/u2pl.py',
    './default_runtime.py',
]
crop_size = (769, 769)
# code: OHEM, threshold 0.7, at least 100,000 pixels of a process' batch
hard_pixels = dict(type='HardPixelSampler', thresh=0.7, min_kept=100000)
model = dict(
    data_preprocessor=dict(size=crop_size),
    decode_head=dict(
        num_classes=19,
        sampler=hard_pixels,
        loss_decode=dict(avg_non_ignore=False),  # the sampler averages
    ),
    auxiliary_head=dict(  # code: on the third stage, weight 0.4
        type='FCNHead',
        in_channels=1024,
        in_index=2,
        channels=256,
        num_convs=1,
        concat_input=False,
        dropout_ratio=0.1,
        num_classes=19,
        norm_cfg=_base_.norm_cfg,
        align_corners=True,
        sampler=hard_pixels,
        loss_decode=dict(type='CrossEntropyLoss', loss_weight=0.4),
    ),
    # Sliding window of 769 with a third of overlap on 1024 x 2048 (code).
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(513, 513)),
)
u2pl_plus = u2pl = dict(
    representation_head=dict(
        in_channels=512,
        layer='fusion',  # code: the fused features
        bias=True,  # code
        norm_cfg=_base_.norm_cfg,
    ),
    memory_bank=dict(num_classes=19),
)
optim_wrapper = dict(  # section 4.1; code: one rate for all layers
    optimizer=dict(lr=0.01, weight_decay=5e-4), paramwise_cfg=dict(_delete_=True)
)
train_cfg = dict(max_iters=34800)  # 200 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=34800, by_epoch=False)]
labeled_hooks = _base_.custom_hooks
teacher_hooks = [*labeled_hooks, *_base_.teacher_hooks]
custom_hooks = [*teacher_hooks, dict(type='PrototypeMemoryBankHook')]
val_cfg = dict(type='TeacherStudentValLoop')  # the authors' code scores the teacher
