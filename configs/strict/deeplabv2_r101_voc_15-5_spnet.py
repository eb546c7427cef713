# SPNet, VOC 15-5 (Table 1, calibrated: seen 73.3, unseen 15.0, harmonic mean 21.8).
_base_ = './deeplabv2_r101_voc_15-5.py'
protocol = dict(rounds=0)
