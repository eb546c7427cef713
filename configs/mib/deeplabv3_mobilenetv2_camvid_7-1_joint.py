# Joint training, CamVid 7-1.
_base_ = './deeplabv3_mobilenetv2_camvid_7-1.py'
protocol = dict(setup='joint')
