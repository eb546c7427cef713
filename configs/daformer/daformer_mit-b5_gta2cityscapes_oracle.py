# Labels of Cityscapes: what adaptation can reach at best.
_base_ = '../_base_/daformer_gta.py'
train_dataloader = _base_.oracle
custom_hooks = _base_.labeled_hooks
