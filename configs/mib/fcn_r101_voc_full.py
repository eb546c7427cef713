# Full supervision, the upper bound of points on VOC 2012 (Table 5).
_base_ = '../_base_/mib_voc_points.py'
model = _base_.full
train_dataloader = dict(dataset=dict(pipeline=_base_.full_pipeline))
