# Fine-tuning (FT), VOC 15-5, disjoint (Table 1: 1.1, 33.6, 9.2).
_base_ = './deeplabv3_r101_voc_15-5_disjoint.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
