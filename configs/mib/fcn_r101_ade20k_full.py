# Full supervision, the upper bound of points on ADE20K (Table 7).
_base_ = '../_base_/mib_ade20k_points.py'
model = _base_.full
train_dataloader = dict(dataset=dict(pipeline=_base_.full_pipeline))
