# U2PL (Table 4, row 6): no denoising, no momentum, cross-entropy.
_base_ = '../_base_/u2pl_demo.py'
model = _base_.u2pl
