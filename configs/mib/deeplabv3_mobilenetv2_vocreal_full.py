# Full supervision, the upper bound of points on real VOC.
_base_ = '../_base_/mib_vocreal_points.py'
model = _base_.full
train_dataloader = dict(dataset=dict(pipeline=_base_.full_pipeline))
