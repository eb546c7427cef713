# MiB, VOC 15-5, overlapped (Table 1).
_base_ = '../_base_/mib_voc.py'
model = _base_.mib
protocol = dict(task='voc_15-5')
