# Labels of the source alone, in other colors, demo data, plain to dusk.
_base_ = '../_base_/daformer_demo.py'
train_dataloader = _base_.recolored_source_only
custom_hooks = _base_.labeled_hooks
