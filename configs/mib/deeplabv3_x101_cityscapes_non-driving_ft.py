# Fine-tuning (FT), Cityscapes non-driving (Table 4: old 0.0, novel 69.0, all 21.8).
_base_ = './deeplabv3_x101_cityscapes_non-driving.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
