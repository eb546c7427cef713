# SPNet+ST: self-training without consistency, VOC 15-5 (Table 1, and the first row of
# Table 3: seen 77.8, unseen 25.8, harmonic mean 38.8).
_base_ = '../_base_/strict_voc.py'
model = _base_.st
protocol = dict(rounds=1)
