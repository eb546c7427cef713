# Full supervision, the upper bound of points and scribbles, generated demo data.
_base_ = './demo_voc_points.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')))
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.load_full, *_base_.augmentation])
)
