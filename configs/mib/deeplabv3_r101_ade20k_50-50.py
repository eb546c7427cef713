# MiB, ADE20K 50-50 (Table 3, mean of two orders: 35.5, 22.2, 23.6, all 27.0).
_base_ = './deeplabv3_r101_ade20k_100-50.py'
protocol = dict(task='ade20k_50-50')
