# Activation maps of a classifier alone, refined with one lower score of background,
# real VOC photographs: `pseudo/mIoU`.
_base_ = '../_base_/afa_vocreal.py'
model = dict(_base_.cam, pseudo_labels=dict(background_low=0.3, background_high=0.3))
val_evaluator = _base_.cam_evaluator
test_evaluator = val_evaluator
