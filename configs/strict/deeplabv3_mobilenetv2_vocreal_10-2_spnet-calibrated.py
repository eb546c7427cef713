# Calibrated SPNet, VOC subset.
_base_ = './deeplabv3_mobilenetv2_vocreal_10-2_spnet.py'
model = dict(test_cfg=dict(gamma=0.6))  # SPNet's code: --threshold 0.6 for VOC
