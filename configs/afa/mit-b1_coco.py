# AFA, COCO 2014 from image labels.
_base_ = '../_base_/afa_coco.py'
model = _base_.afa
