# The filter of ZS5 on SPNet with background, VOC subset.
_base_ = './deeplabv3_mobilenetv2_vocreal_10-2_zs5.py'
protocol = dict(background='seen')
