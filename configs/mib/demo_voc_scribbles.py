# MiB with scribbles, generated demo data.
_base_ = './demo_voc_points.py'
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.load_scribbles, *_base_.augmentation])
)
