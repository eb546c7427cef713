# VOC 2012 with scribbles (MiB, section 6.3.2).
_base_ = [
    './models/deeplabv2_r101-d8.py',
    './datasets/voc_scribbles_321x321.py',
    './schedules/mib_scribbles_20k.py',
    './methods/mib_weak.py',
    './default_runtime.py',
]
# DeepLabV2's code: the new layers learn ten times as fast (biases twice as fast again
# and without decay, as remembered; not here).
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=10.0)))
)
