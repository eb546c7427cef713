# Labels of the source alone, CamVid, day to night.
_base_ = '../_base_/daformer_camvid.py'
train_dataloader = _base_.source_only
custom_hooks = _base_.labeled_hooks
