# MiB, ADE20K 100-10 (Table 3, mean of two orders: 1-100 31.8, 101-150 14.1, all 25.9).
_base_ = './deeplabv3_r101_ade20k_100-50.py'
protocol = dict(task='ade20k_100-10')
