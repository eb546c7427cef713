# SPNet+ST: self-training without consistency, VOC 15-5 (Table 1: seen 77.8, unseen
# 25.8, harmonic mean 38.8).
_base_ = '../_base_/strict_voc.py'
model = _base_.st
