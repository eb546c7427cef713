# Joint training, ADE20K 100-50 (Table 3: all 38.9).
_base_ = './deeplabv3_r101_ade20k_100-50.py'
protocol = dict(setup='joint')
