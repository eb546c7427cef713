# U2PL+ on the generated demo data, 40 labels: a small network from random weights,
# narrow embeddings and short queues; minutes on a CPU.
_base_ = [
    './models/deeplabv3_r18-thin-d8.py',
    './datasets/demo_voc_semi_96x96.py',
    './schedules/small_sgd.py',
    './methods/u2pl.py',
    './default_runtime.py',
]
# The network starts from random weights, so the teacher learns from labels first:
# without that it teaches background (8.0 mIoU after 1500 iterations, SupOnly 24.1).
mean_teacher = cutmix = unimatch = unimatch_v2 = dict(warmup_iters=1200)
u2pl = dict(
    warmup_iters=1200,
    representation_head=dict(in_channels=48, channels=64, dropout_ratio=0.0),
    memory_bank=dict(num_classes=21, channels=64, length=3000, background_length=5000),
)
# The text beside eq. 4; Table 7's 0.5 does harm in short runs, see
# configs/u2pl/README.md.
u2pl_plus = dict(u2pl, unlabeled_loss=dict(xi2=0.1))
optim_wrapper = dict(optimizer=dict(lr=0.1))
train_cfg = dict(max_iters=2000, val_interval=2000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', power=0.9, begin=20, end=2000, by_epoch=False),
]
labeled_hooks = [*_base_.custom_hooks, dict(type='PartitionHook')]
teacher_hooks = [*labeled_hooks, *_base_.teacher_hooks]
custom_hooks = [*teacher_hooks, dict(type='PrototypeMemoryBankHook')]
val_cfg = dict(type='TeacherStudentValLoop')  # the authors' code scores the teacher
