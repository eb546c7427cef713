# MiB with scribbles, CamVid.
_base_ = './deeplabv3_mobilenetv2_camvid_points.py'
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.load_scribbles, *_base_.augmentation])
)
