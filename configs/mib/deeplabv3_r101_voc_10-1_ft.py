# Fine-tuning (FT), VOC 10-1, overlapped.
_base_ = './deeplabv3_r101_voc_10-1.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
