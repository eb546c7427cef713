# DAFormer's training, and what it is compared with, between two looks of the generated
# demo data: a small network from random weights (so without feature distance), narrow
# embeddings and short queues; minutes on a CPU.
_base_ = [
    './models/deeplabv3_r18-thin-d8.py',
    './datasets/demo_voc_plain2dusk.py',
    './schedules/small_sgd.py',
    './methods/daformer.py',
    './default_runtime.py',
]
self_training = dict(ignore_rows=(0, 0))
daformer = dict(ignore_rows=(0, 0), feature_distance=None)
mic = dict(daformer, masked_view=dict(block_size=16))
sepico = dict(
    self_training,
    representation_head=dict(in_channels=[128], channels=64),
    class_statistics=dict(num_classes=21, channels=64),
    contrast_start=60,
)
u2pl_plus = dict(
    daformer,
    representation_head=dict(in_channels=48, channels=64),
    memory_bank=dict(num_classes=21, channels=64, length=3000, background_length=3000),
)
optim_wrapper = dict(optimizer=dict(lr=0.1))
train_cfg = dict(max_iters=800, val_interval=800)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', power=0.9, begin=20, end=800, by_epoch=False),
]
uniform_sampling = dict(sampler=dict(rare_class_sampling=None))
labeled_hooks = _base_.custom_hooks
# 0.999 is slow for so short a run.
teacher_hooks = [*labeled_hooks, *_base_.self_training_hooks]
bank_hooks = [*teacher_hooks, dict(type='PrototypeMemoryBankHook')]
statistics_hooks = [*teacher_hooks, dict(type='ClassStatisticsHook')]
custom_hooks = teacher_hooks
