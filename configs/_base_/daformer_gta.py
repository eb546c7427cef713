# DAFormer from GTA5 to Cityscapes: MiT-B5, crops of 512 x 512, 2 + 2 images on one GPU
# (code), and U2PL+ on it.
_base_ = [
    './models/daformer_mit-b5.py',
    './datasets/gta2cityscapes.py',
    './schedules/daformer_40k.py',
    './methods/daformer.py',
    './default_runtime.py',
]
# Not given: the head reads the four concatenated levels at stride 4, in 1x1
# convolutions as SePiCo's does. The encoder's last stage would be
# layer='embed_layers.3', in_channels=512.
u2pl_plus = dict(
    representation_head=dict(
        in_channels=1024, layer='fuse_layer', kernel_size=1, norm_cfg=_base_.norm_cfg
    ),
    memory_bank=dict(num_classes=19),
)
uniform_sampling = dict(sampler=dict(rare_class_sampling=None))
labeled_hooks = _base_.custom_hooks
self_training_hooks = [*labeled_hooks, *_base_.self_training_hooks]
teacher_hooks = [*labeled_hooks, *_base_.teacher_hooks]
bank_hooks = [*teacher_hooks, dict(type='PrototypeMemoryBankHook')]
custom_hooks = teacher_hooks
