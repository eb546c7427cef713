# U2PL+ on AFA, COCO 2014 from image labels.
_base_ = '../_base_/afa_coco.py'
model = _base_.u2pl
custom_hooks = _base_.bank_hooks
