# Labels of the source alone, demo data, plain to dusk.
_base_ = '../_base_/daformer_demo.py'
train_dataloader = _base_.source_only
custom_hooks = _base_.labeled_hooks
