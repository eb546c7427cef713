# The filter of ZS5 on SPNet, VOC 15-5 with background.
_base_ = './deeplabv2_r101_voc_15-5_zs5.py'
protocol = dict(background='seen')
