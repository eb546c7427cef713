# Activation maps of a classifier alone, real VOC photographs.
_base_ = '../_base_/afa_vocreal.py'
model = _base_.cam
val_evaluator = _base_.cam_evaluator
test_evaluator = val_evaluator
