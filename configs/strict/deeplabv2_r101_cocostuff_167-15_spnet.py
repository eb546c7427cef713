# SPNet, COCO-Stuff (Table 1, calibrated: seen 20.5, unseen 14.3, harmonic mean 16.8).
_base_ = './deeplabv2_r101_cocostuff_167-15.py'
protocol = dict(rounds=0)
