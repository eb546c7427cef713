# Fine-tuning (FT), real VOC 3-1.
_base_ = '../_base_/mib_vocreal.py'
model = _base_.ft
protocol = dict(classifier_init='random')
