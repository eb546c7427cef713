# Fine-tuning (FT), CamVid 7-1.
_base_ = '../_base_/mib_camvid.py'
model = _base_.ft
protocol = dict(classifier_init='random')
