# Full supervision, the upper bound of points on VOC 2012 (Table 5: 58.8).
_base_ = './fcn_r101_voc_points.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')))
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.load_full, *_base_.augmentation])
)
