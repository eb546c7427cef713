# Image labels on the generated demo data: a small network from random weights, no
# affinity; minutes on a CPU.
_base_ = [
    './models/deeplabv3_r18-thin-d8.py',
    './datasets/demo_voc_image_96x96.py',
    './schedules/small_sgd.py',
    './methods/afa.py',
    './default_runtime.py',
]
afa = dict(
    image_head=dict(in_channels=128, num_classes=20),
    affinity=None,
    activation_mode='eval',  # batch norm: maps see other sizes than the classifier
    classifier_iters=600,
)
cam = dict(afa, classifier_iters=6000)
u2pl = dict(
    afa,
    representation_head=dict(in_channels=128, channels=64, dropout_ratio=0.0),
    memory_bank=dict(num_classes=20, channels=64, length=3000),
)
# AFA's optimizer; one rate, since the network starts from random weights.
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=2e-3, weight_decay=0.01)
)
train_cfg = dict(max_iters=1200, val_interval=1200)
param_scheduler = [dict(type='PolyLR', power=1.0, end=1200, by_epoch=False)]
full_data = dict(  # masks in place of image labels
    dataset=dict(dataset=dict(pipeline=_base_.full_pipeline))
)
full_evaluator = [_base_.val_evaluator]
val_evaluator = _base_.image_evaluator
cam_evaluator = val_evaluator[1:]  # the head learns nothing
test_evaluator = val_evaluator
full_hooks = _base_.custom_hooks
custom_hooks = [*full_hooks, dict(type='PseudoLabelPanelHook', num_images=4)]
bank_hooks = [*custom_hooks, dict(type='PrototypeMemoryBankHook')]
