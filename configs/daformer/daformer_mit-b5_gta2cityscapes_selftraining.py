# Self-training by mixing, without rare class sampling and feature distance.
_base_ = '../_base_/daformer_gta.py'
model = _base_.self_training
train_dataloader = _base_.uniform_sampling
custom_hooks = _base_.self_training_hooks
