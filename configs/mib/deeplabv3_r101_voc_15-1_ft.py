# Fine-tuning (FT), VOC 15-1, overlapped (Table 1: 0.2, 1.8, 0.6).
_base_ = './deeplabv3_r101_voc_15-1.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
