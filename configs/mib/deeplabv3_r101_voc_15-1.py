# MiB, VOC 15-1, overlapped (Table 1).
_base_ = '../_base_/mib_voc.py'
model = _base_.mib_15_1
protocol = dict(task='voc_15-1')
