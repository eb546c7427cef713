# Fine-tuning (FT), VOC 19-1, disjoint (Table 1: 5.8, 12.3, 6.2).
_base_ = './deeplabv3_r101_voc_19-1_disjoint.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
