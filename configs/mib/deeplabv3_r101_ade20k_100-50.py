# MiB, ADE20K 100-50 (Table 3, mean of two class orders).
_base_ = '../_base_/mib_ade20k.py'
model = _base_.mib
protocol = dict(task='ade20k_100-50')
