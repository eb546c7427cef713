# SPNet, VOC 15-5 with background (Table 2: seen 54.7, unseen 2.5, harmonic mean 4.7).
_base_ = './deeplabv2_r101_voc_15-5_spnet.py'
protocol = dict(background='seen')
