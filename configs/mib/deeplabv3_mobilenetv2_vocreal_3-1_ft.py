# Fine-tuning (FT), real VOC 3-1.
_base_ = './deeplabv3_mobilenetv2_vocreal_3-1.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
