# Joint training, VOC 15-1 (Table 1: 79.1, 72.6, 77.4).
_base_ = './deeplabv3_r101_voc_15-1.py'
protocol = dict(setup='joint')
