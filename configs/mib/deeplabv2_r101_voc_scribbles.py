# MiB with scribbles, VOC 2012 (Table 6: five scales,
# tools/test.py --tta, with or without --crf).
_base_ = '../_base_/mib_voc_scribbles.py'
model = _base_.mib_weak
