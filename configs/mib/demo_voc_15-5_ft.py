# Fine-tuning (FT), demo VOC 15-5.
_base_ = '../_base_/mib_demo.py'
model = _base_.ft
protocol = dict(
    task='voc_15-5', classifier_init='random', next_steps=_base_.five_classes
)
