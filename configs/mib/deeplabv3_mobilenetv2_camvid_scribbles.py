# MiB with scribbles, CamVid.
_base_ = '../_base_/mib_camvid_weak.py'
model = _base_.mib_scene
train_dataloader = dict(dataset=dict(pipeline=_base_.scribbles_pipeline))
