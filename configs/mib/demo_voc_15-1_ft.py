# Fine-tuning (FT), demo VOC 15-1.
_base_ = '../_base_/mib_demo.py'
model = _base_.ft
protocol = dict(task='voc_15-1', classifier_init='random')
