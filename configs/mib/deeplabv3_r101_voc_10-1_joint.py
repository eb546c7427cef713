# Joint training, VOC 10-1.
_base_ = './deeplabv3_r101_voc_10-1.py'
protocol = dict(setup='joint')
