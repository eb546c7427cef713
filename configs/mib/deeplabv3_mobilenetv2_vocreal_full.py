# Full supervision, the upper bound of points on real VOC.
_base_ = './deeplabv3_mobilenetv2_vocreal_points.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')))
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.load_full, *_base_.augmentation])
)
