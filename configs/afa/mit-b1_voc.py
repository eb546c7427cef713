# AFA, VOC 2012 from image labels (Table 13: 64.9 on val after CRF).
_base_ = '../_base_/afa_voc.py'
model = _base_.afa
