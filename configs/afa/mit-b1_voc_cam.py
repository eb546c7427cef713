# Activation maps of a classifier alone, VOC 2012 from image labels.
_base_ = '../_base_/afa_voc.py'
model = _base_.cam
val_evaluator = _base_.cam_evaluator
test_evaluator = val_evaluator
