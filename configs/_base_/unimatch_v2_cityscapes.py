# UniMatch V2 on Cityscapes: DPT on DINOv2, crops of 798 x 798, hard pixels, 2 labeled
# and 2 unlabeled images on each of 4 GPUs (code). The partition with 186 labels;
# configs name others.
_base_ = [
    './models/dpt_dinov2.py',
    './datasets/cityscapes_semi_769x769.py',
    './schedules/unimatch_v2.py',
    './methods/u2pl.py',
    './default_runtime.py',
]
crop_size = (798, 798)
unimatch_v2 = dict(
    data_preprocessor=dict(test_cfg=None),  # a window has the size of a crop
    decode_head=dict(
        num_classes=19,
        # code: OHEM, threshold 0.7, at least 200,000 pixels of a process' batch
        sampler=dict(type='HardPixelSampler', thresh=0.7, min_kept=200000),
        loss_decode=dict(avg_non_ignore=False),  # the sampler averages
    ),
    # Windows that overlap by a third (code, of UniMatch).
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(532, 532)),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomScale', ratio_range=(0.5, 2.0)),  # code: of the image's own size
    dict(type='Pad', size=crop_size, pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=crop_size),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PackSegInputs'),
]
partitions = {
    name: [
        dict(source, dataset=dict(source['dataset'], pipeline=train_pipeline))
        for source in pair
    ]
    for name, pair in _base_.partitions.items()
}
train_cfg = dict(max_iters=62640)  # 180 epochs
param_scheduler = [dict(type='PolyLR', power=0.9, end=62640, by_epoch=False)]
auto_scale_lr = dict(base_batch_size=16)
custom_hooks = [*_base_.custom_hooks, *_base_.v2_teacher_hooks]
val_cfg = dict(type='TeacherStudentValLoop')  # student and teacher
