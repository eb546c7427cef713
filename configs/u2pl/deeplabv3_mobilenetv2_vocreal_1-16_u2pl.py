# U2PL (Table 4, row 6), real VOC photographs: no denoising, no momentum, cross-entropy.
_base_ = '../_base_/u2pl_vocreal.py'
model = _base_.u2pl
