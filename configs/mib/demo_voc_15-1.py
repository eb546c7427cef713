# MiB on the generated demo data, VOC 15-1, overlapped: six steps in a few minutes.
_base_ = '../_base_/mib_demo.py'
model = _base_.mib_15_1
protocol = dict(task='voc_15-1')
