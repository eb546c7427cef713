# Activation maps of a classifier alone, generated demo data.
_base_ = '../_base_/afa_demo.py'
model = _base_.cam
val_evaluator = _base_.cam_evaluator
test_evaluator = val_evaluator
