# Labels of GTA5 alone, in other colors, tested on Cityscapes.
_base_ = '../_base_/daformer_gta.py'
train_dataloader = _base_.recolored_source_only
custom_hooks = _base_.labeled_hooks
