# SPNet, COCO-Stuff. Table 1 is with model.test_cfg.gamma=0.4, SPNet's calibration
# (--threshold in its code): seen 20.5, unseen 14.3, harmonic mean 16.8.
_base_ = '../_base_/strict_cocostuff.py'
model = _base_.strict
protocol = dict(rounds=0)  # no self-training
