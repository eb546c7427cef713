# Fine-tuning (FT), VOC 15-5, overlapped (Table 1: 2.1, 33.1, 9.8).
_base_ = './deeplabv3_r101_voc_15-5.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
