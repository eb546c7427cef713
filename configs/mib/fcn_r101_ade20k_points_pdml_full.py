# Full supervision, ADE20K, protocol of PDML (Table 7).
_base_ = '../_base_/mib_ade20k_points_pdml.py'
model = _base_.full
train_dataloader = dict(dataset=dict(pipeline=_base_.full_pipeline))
