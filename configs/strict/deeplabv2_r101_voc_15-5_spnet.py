# SPNet, VOC 15-5. Table 1 is with model.test_cfg.gamma=0.6, SPNet's calibration
# (--threshold in its code): seen 73.3, unseen 15.0, harmonic mean 21.8.
_base_ = '../_base_/strict_voc.py'
model = _base_.strict
protocol = dict(rounds=0)  # no self-training
