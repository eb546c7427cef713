# Labels of SYNTHIA alone, in other colors, tested on Cityscapes.
_base_ = '../_base_/daformer_synthia.py'
train_dataloader = _base_.recolored_source_only
custom_hooks = _base_.labeled_hooks
