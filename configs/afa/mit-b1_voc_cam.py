# Activation maps of a classifier alone, VOC 2012 from image labels.
_base_ = '../_base_/afa_voc.py'
model = _base_.cam
val_evaluator = _base_.cam_evaluator
test_dataloader = dict(_base_.val_dataloader, _delete_=True)
test_evaluator = val_evaluator
