# U2PL+ on AFA, VOC 2012 from image labels (Table 13: 66.4 on val after CRF).
_base_ = '../_base_/afa_voc.py'
model = _base_.u2pl
custom_hooks = _base_.bank_hooks
