# U2PL+, classic VOC, 92 labels (Table 1: 69.29).
_base_ = '../_base_/u2pl_voc.py'
model = dict(_base_.u2pl_plus, warmup_iters=655)  # code: one epoch on labels alone
