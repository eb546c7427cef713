# Image labels on real VOC photographs of 12 classes, for CPUs: ImageNet MobileNetV2, no
# affinity, crops of 192 x 192.
_base_ = [
    './models/deeplabv3_mobilenetv2-d16.py',
    './datasets/vocreal_image_192x192.py',
    './schedules/small_sgd.py',
    './methods/afa.py',
    './default_runtime.py',
]
model = dict(decode_head=dict(num_classes=13))
afa = dict(
    image_head=dict(in_channels=320, num_classes=12),
    affinity=None,
    activation_mode='eval',  # batch norm: maps see other sizes than the classifier
    classifier_iters=300,
)
cam = dict(afa, classifier_iters=6000)
u2pl = dict(
    afa,
    representation_head=dict(in_channels=320, channels=64, dropout_ratio=0.0),
    memory_bank=dict(num_classes=12, channels=64, length=3000),
)
# AFA's optimizer; a higher rate, for fewer iterations.
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='AdamW', lr=1e-4, weight_decay=0.01),
    paramwise_cfg=dict(
        custom_keys=dict(
            decode_head=dict(lr_mult=10.0),
            image_head=dict(lr_mult=10.0),
            representation_head=dict(lr_mult=10.0),
        )
    ),
)
train_dataloader = dict(batch_size=8)
train_cfg = dict(max_iters=600, val_interval=600)
param_scheduler = [dict(type='PolyLR', power=1.0, end=600, by_epoch=False)]
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
