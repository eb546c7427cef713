# STRICT, VOC 2012, 15 seen and 5 unseen classes, no background, two rounds (Table 1:
# seen 82.7, unseen 35.6, harmonic mean 49.8).
_base_ = '../_base_/strict_voc.py'
model = _base_.strict
