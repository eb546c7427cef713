# MiB with scribbles, VOC 2012 (Table 6).
_base_ = '../_base_/mib_voc_scribbles.py'
model = _base_.mib_weak
