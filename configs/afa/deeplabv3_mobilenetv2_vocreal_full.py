# Full supervision, real VOC photographs.
_base_ = '../_base_/afa_vocreal.py'
model = _base_.full
train_dataloader = _base_.full_data
val_evaluator = _base_.full_evaluator
test_evaluator = val_evaluator
custom_hooks = _base_.full_hooks
