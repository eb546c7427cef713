# Fine-tuning (FT), demo VOC 15-5.
_base_ = './demo_voc_15-5.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
