# Calibrated SPNet, VOC 15-5 (Table 1: seen 73.3, unseen 15.0, harmonic mean 21.8).
_base_ = './deeplabv2_r101_voc_15-5_spnet.py'
model = dict(test_cfg=dict(gamma=0.6))  # SPNet's code: --threshold 0.6
