# UniMatch V2 on PASCAL VOC 2012: DPT on DINOv2, crops of 518 x 518, 4 labeled and 4
# unlabeled images on each of 4 GPUs (code). The partition with 92 labels; configs name
# others.
_base_ = [
    './models/dpt_dinov2.py',
    './datasets/voc_semi_513x513.py',
    './schedules/unimatch_v2.py',
    './methods/u2pl.py',
    './default_runtime.py',
]
unimatch_v2_s = dict(
    _base_.unimatch_v2,
    backbone=_base_.dinov2_s['backbone'],
    decode_head=dict(
        _base_.unimatch_v2['decode_head'], **_base_.dinov2_s['decode_head']
    ),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomScale', ratio_range=(0.5, 2.0)),  # code: of the image's own size
    dict(type='Pad', size=(518, 518), pad_val=dict(img=0, seg=255)),
    dict(type='RandomCrop', crop_size=(518, 518)),
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
# Sides that are multiples of a patch; logits are resized back and scored there (code:
# the nearest multiple, here the next one).
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='ResizeToMultiple', size_divisor=14),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
custom_hooks = [*_base_.custom_hooks, *_base_.v2_teacher_hooks]
val_cfg = dict(type='TeacherStudentValLoop')  # student and teacher
