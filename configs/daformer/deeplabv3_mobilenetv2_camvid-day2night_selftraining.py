# Self-training by mixing, without rare class sampling and feature distance, CamVid,
# day to night.
_base_ = '../_base_/daformer_camvid.py'
model = _base_.self_training
train_dataloader = _base_.uniform_sampling
