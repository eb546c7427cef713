# Calibrated SPNet, generated demo data, 15-5.
_base_ = './demo_voc_15-5_spnet.py'
model = dict(test_cfg=dict(gamma=0.6))  # SPNet's code: --threshold 0.6 for VOC
