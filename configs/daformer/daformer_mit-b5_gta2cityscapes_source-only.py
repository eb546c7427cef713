# Labels of GTA5 alone, tested on Cityscapes.
_base_ = '../_base_/daformer_gta.py'
train_dataloader = _base_.source_only
custom_hooks = _base_.labeled_hooks
