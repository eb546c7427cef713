# STRICT, COCO-Stuff, 155 + 12 seen and 15 unseen classes (Table 1: seen 35.3, unseen
# 30.3, harmonic mean 32.6).
_base_ = '../_base_/strict_cocostuff.py'
model = _base_.strict
