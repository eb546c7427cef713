# Full supervision, the upper bound of scribbles on VOC 2012 (Table 6: 75.8).
_base_ = './deeplabv2_r101_voc_scribbles.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')))
train_dataloader = dict(
    dataset=dict(pipeline=[*_base_.load_full, *_base_.augmentation])
)
