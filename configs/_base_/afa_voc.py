# AFA and U2PL+ on PASCAL VOC 2012 trainaug, of which only the classes of each image are
# known (U2PL+, section 4.3): MiT-B1, crops of 512 x 512, 4 images on each of 2 GPUs.
_base_ = [
    './models/daformer-conv_mit-b1-d16.py',
    './datasets/voc_image_512x512.py',
    './schedules/afa_20k.py',
    './methods/afa.py',
    './default_runtime.py',
]
afa = dict(
    image_head=dict(in_channels=512, num_classes=20),
    classifier_iters=2000,  # code
    propagation_begin=6000,  # code
)
cam = dict(
    image_head=dict(in_channels=512, num_classes=20),
    classifier_iters=20000,
    propagation_begin=20000,
)
u2pl = dict(
    afa,
    representation_head=dict(in_channels=512, norm_cfg=_base_.norm_cfg),
    memory_bank=dict(num_classes=20),
)
train_dataloader = dict(batch_size=4)
full_data = dict(  # masks in place of image labels
    dataset=dict(
        dataset=dict(
            pipeline=[
                dict(type='LoadImageFromFile'),
                dict(type='LoadAnnotations'),
                *_base_.train_pipeline[1:],
            ]
        )
    )
)
full_evaluator = [_base_.val_evaluator]
test_dataloader = dict(
    dataset=dict(_base_.val_dataloader.dataset.dataset, _delete_=True)
)
val_evaluator = _base_.image_evaluator
cam_evaluator = val_evaluator[1:]  # the head learns nothing
full_hooks = _base_.custom_hooks
custom_hooks = [*full_hooks, dict(type='PseudoLabelPanelHook', num_images=4)]
bank_hooks = [*custom_hooks, dict(type='PrototypeMemoryBankHook')]
