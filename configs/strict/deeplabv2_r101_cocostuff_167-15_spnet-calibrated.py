# Calibrated SPNet, COCO-Stuff (Table 1: seen 20.5, unseen 14.3, harmonic mean 16.8).
_base_ = './deeplabv2_r101_cocostuff_167-15_spnet.py'
model = dict(test_cfg=dict(gamma=0.4))  # SPNet's code: --threshold 0.4
