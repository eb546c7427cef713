# Joint training, Cityscapes non-driving (Table 4: all 73.1).
_base_ = './deeplabv3_x101_cityscapes_non-driving.py'
protocol = dict(setup='joint')
