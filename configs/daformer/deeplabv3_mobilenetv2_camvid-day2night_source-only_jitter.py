# Labels of the source alone, in other colors, CamVid, day to night.
_base_ = '../_base_/daformer_camvid.py'
train_dataloader = _base_.recolored_source_only
custom_hooks = _base_.labeled_hooks
