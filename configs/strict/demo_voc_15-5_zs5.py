# The filter of ZS5 in place of consistency, on SPNet, generated demo data, 15-5.
_base_ = './demo_voc_15-5.py'
model = dict(generator=_base_.zs5_generator)
