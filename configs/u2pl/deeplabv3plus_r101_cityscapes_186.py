# U2PL+, Cityscapes, 186 labels (Table 2: 76.09).
_base_ = '../_base_/u2pl_cityscapes.py'
model = _base_.u2pl_plus
