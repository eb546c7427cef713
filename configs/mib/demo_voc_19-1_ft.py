# Fine-tuning (FT), demo VOC 19-1.
_base_ = './demo_voc_19-1.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
