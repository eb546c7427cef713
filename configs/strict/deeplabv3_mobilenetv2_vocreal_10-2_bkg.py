# STRICT with background as a seen class, VOC subset.
_base_ = './deeplabv3_mobilenetv2_vocreal_10-2.py'
protocol = dict(background='seen')
