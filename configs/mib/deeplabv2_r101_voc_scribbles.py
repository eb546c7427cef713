# MiB with scribbles, VOC 2012 (Table 6: 72.3, with CRF 75.1).
_base_ = [
    '../_base_/models/deeplabv2_r101-d8.py',
    '../_base_/datasets/voc_scribbles_321x321.py',
    '../_base_/schedules/mib_scribbles_20k.py',
    '../_base_/methods/mib_weak.py',
    '../_base_/default_runtime.py',
]
model = dict(decode_head=dict(loss_decode=_base_.mib_weak_loss))
# DeepLabV2's code: the new layers learn ten times as fast.
optim_wrapper = dict(
    paramwise_cfg=dict(custom_keys=dict(decode_head=dict(lr_mult=10.0)))
)
