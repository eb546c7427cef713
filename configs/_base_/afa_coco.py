# AFA and U2PL+ on COCO 2014, of which only the classes of each image are known: MiT-B1,
# crops of 512 x 512, 8 images on 2 GPUs, 80,000 iterations (AFA's code).
_base_ = [
    './models/daformer-conv_mit-b1-d16.py',
    './datasets/coco_image_512x512.py',
    './schedules/afa_20k.py',
    './methods/afa.py',
    './default_runtime.py',
]
model = dict(decode_head=dict(num_classes=81))
afa = dict(
    image_head=dict(in_channels=512, num_classes=80),
    classifier_iters=5000,  # code
    propagation_begin=6000,
)
u2pl = dict(
    afa,
    representation_head=dict(in_channels=512, norm_cfg=_base_.norm_cfg),
    memory_bank=dict(num_classes=80),
)
train_dataloader = dict(batch_size=4)
train_cfg = dict(max_iters=80000, val_interval=8000)
param_scheduler = [  # 1 - t / 80000 after the warm-up
    dict(type='LinearLR', start_factor=1e-6, end=1501, by_epoch=False),
    dict(type='MultiStepLR', milestones=[1500], gamma=0.98125, by_epoch=False),
    dict(type='PolyLR', power=1.0, begin=1500, end=80001, by_epoch=False),
]
test_dataloader = dict(
    dataset=dict(_base_.val_dataloader.dataset.dataset, _delete_=True)
)
val_evaluator = _base_.image_evaluator
custom_hooks = [*_base_.custom_hooks, dict(type='PseudoLabelPanelHook', num_images=4)]
bank_hooks = [*custom_hooks, dict(type='PrototypeMemoryBankHook')]
