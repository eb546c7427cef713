# Full supervision, the upper bound of points and scribbles, CamVid.
_base_ = '../_base_/mib_camvid_weak.py'
model = _base_.full
train_dataloader = dict(dataset=dict(pipeline=_base_.full_pipeline))
