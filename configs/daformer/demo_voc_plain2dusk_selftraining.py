# Self-training by mixing, without rare class sampling and feature distance, demo data,
# plain to dusk.
_base_ = '../_base_/daformer_demo.py'
model = _base_.self_training
train_dataloader = _base_.uniform_sampling
