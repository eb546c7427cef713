# SPNet with background, VOC subset.
_base_ = './deeplabv3_mobilenetv2_vocreal_10-2_spnet.py'
protocol = dict(background='seen')
