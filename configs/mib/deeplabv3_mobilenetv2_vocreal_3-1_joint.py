# Joint training, real VOC 3-1.
_base_ = './deeplabv3_mobilenetv2_vocreal_3-1.py'
protocol = dict(setup='joint')
