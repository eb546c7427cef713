# DAFormer's training, and what it is compared with, from day to night on CamVid:
# ImageNet MobileNetV2, crops of 192 x 192, 4 + 4 images, narrow embeddings and short
# queues, for CPUs.
_base_ = [
    './models/deeplabv3_mobilenetv2-d16.py',
    './datasets/camvid_day2night.py',
    './schedules/small_sgd.py',
    './methods/daformer.py',
    './default_runtime.py',
]
model = dict(decode_head=dict(num_classes=11))
# No car's hood and no rectified border here; the things are sign, car, pedestrian and
# bicyclist.
self_training = dict(ignore_rows=(0, 0))
daformer = mic = dict(ignore_rows=(0, 0), feature_distance=dict(classes=[6, 8, 9, 10]))
sepico = dict(
    self_training,
    representation_head=dict(in_channels=[96, 320], channels=64),
    class_statistics=dict(num_classes=11, channels=64),
    contrast_start=22,
)
u2pl_plus = dict(
    daformer,
    representation_head=dict(in_channels=64, channels=64),
    memory_bank=dict(num_classes=11, channels=64, length=3000, background_length=3000),
)
train_cfg = dict(max_iters=300, val_interval=300)
param_scheduler = [dict(type='PolyLR', power=0.9, end=300, by_epoch=False)]
uniform_sampling = dict(sampler=dict(rare_class_sampling=None))
labeled_hooks = _base_.custom_hooks
# 0.999 is slow for so short a run.
teacher_hooks = [*labeled_hooks, *_base_.self_training_hooks]
bank_hooks = [*teacher_hooks, dict(type='PrototypeMemoryBankHook')]
statistics_hooks = [*teacher_hooks, dict(type='ClassStatisticsHook')]
custom_hooks = teacher_hooks
