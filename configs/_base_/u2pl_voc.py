# U2PL+ on PASCAL VOC 2012 (section 4.1): DeepLabV3+ with ResNet-101, crops of
# 513 x 513, 4 labeled and 4 unlabeled images on each of 4 GPUs (code). The partition
# with 92 labels; configs name others.
_base_ = [
    './models/deeplabv3plus_r101-d8.py',
    './datasets/voc_semi_513x513.py',
    './schedules/u2pl_voc.py',
    './methods/u2pl.py',
    './default_runtime.py',
]
u2pl_plus = u2pl = u2pl_official = dict(
    representation_head=dict(
        in_channels=512,
        layer='fusion',  # code: the fused features
        bias=True,  # code
        norm_cfg=_base_.norm_cfg,
    ),
    memory_bank=dict(num_classes=21),
)
labeled_hooks = _base_.custom_hooks
teacher_hooks = [*labeled_hooks, *_base_.teacher_hooks]
custom_hooks = [*teacher_hooks, dict(type='PrototypeMemoryBankHook')]
# The published figures (section 4.1: central crop; code: while training, the teacher).
# Tests, and predictions, are of whole images.
val_dataloader = dict(dataset=dict(pipeline=_base_.center_pipeline))
val_cfg = dict(type='TeacherStudentValLoop')
