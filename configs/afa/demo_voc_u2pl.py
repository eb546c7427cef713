# U2PL+ from image labels, generated demo data.
_base_ = '../_base_/afa_demo.py'
model = _base_.u2pl
custom_hooks = _base_.bank_hooks
