# Fine-tuning (FT), ADE20K 100-50 (Table 3).
_base_ = '../_base_/mib_ade20k.py'
model = _base_.ft
protocol = dict(task='ade20k_100-50', classifier_init='random')
