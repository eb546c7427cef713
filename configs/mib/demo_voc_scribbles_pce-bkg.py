# 'PCE + bkg': unlabeled pixels are background, scribbles, generated demo data.
_base_ = '../_base_/mib_demo_weak.py'
model = _base_.pce_bkg
train_dataloader = dict(dataset=dict(pipeline=_base_.scribbles_pipeline))
