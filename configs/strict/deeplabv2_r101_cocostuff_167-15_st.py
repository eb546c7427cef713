# SPNet+ST, COCO-Stuff (Table 1: seen 34.6, unseen 26.9, harmonic mean 30.3).
_base_ = '../_base_/strict_cocostuff.py'
model = _base_.st
protocol = dict(rounds=1)
