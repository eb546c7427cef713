# STRICT, VOC 15-5 with background as a seen class (Table 2: seen 74.7, unseen 14.3,
# harmonic mean 24.0).
_base_ = './deeplabv2_r101_voc_15-5.py'
protocol = dict(background='seen')
