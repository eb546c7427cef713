# Fine-tuning (FT), VOC 19-1, overlapped (Table 1: 6.8, 12.9, 7.1).
_base_ = './deeplabv3_r101_voc_19-1.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
