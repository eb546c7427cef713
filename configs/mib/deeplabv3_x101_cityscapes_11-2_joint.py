# Joint training, Cityscapes 11-2 (Table 4: all 73.1).
_base_ = './deeplabv3_x101_cityscapes_11-2.py'
protocol = dict(setup='joint')
