# MiB on the generated demo data, VOC 15-5, overlapped.
_base_ = '../_base_/mib_demo.py'
model = _base_.mib
protocol = dict(task='voc_15-5', next_steps=_base_.five_classes)
