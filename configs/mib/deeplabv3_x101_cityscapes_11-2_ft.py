# Fine-tuning (FT), Cityscapes 11-2 (Table 4: all 6.0).
_base_ = './deeplabv3_x101_cityscapes_11-2.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
