# ILT, VOC 15-1, overlapped (Table 1).
_base_ = '../_base_/mib_voc.py'
model = _base_.ilt
protocol = dict(task='voc_15-1', classifier_init='random')
