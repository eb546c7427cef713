# STRICT, VOC 15-5, with the images of the authors' code. What else is as there, and
# what is not, stands in _base_/methods/strict.py.
_base_ = '../_base_/strict_voc.py'
model = _base_.strict
train_dataloader = dict(
    dataset=dict(dataset=dict(pipeline=_base_.official_train_pipeline))
)
val_dataloader = dict(
    dataset=dict(dataset=dict(pipeline=_base_.official_test_pipeline))
)
test_dataloader = val_dataloader
