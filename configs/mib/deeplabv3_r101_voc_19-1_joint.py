# Joint training, VOC 19-1 (Table 1: 77.4, 78.0, 77.4).
_base_ = './deeplabv3_r101_voc_19-1.py'
protocol = dict(setup='joint')
