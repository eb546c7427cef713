# Joint training, ADE20K 50-50 (Table 3: all 38.9).
_base_ = './deeplabv3_r101_ade20k_50-50.py'
protocol = dict(setup='joint')
