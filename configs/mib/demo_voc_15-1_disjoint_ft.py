# Fine-tuning (FT), demo VOC 15-1, disjoint.
_base_ = './demo_voc_15-1_disjoint.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
