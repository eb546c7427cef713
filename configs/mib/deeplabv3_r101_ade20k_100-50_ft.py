# Fine-tuning (FT), ADE20K 100-50 (Table 3: all 8.3).
_base_ = './deeplabv3_r101_ade20k_100-50.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
