# Fine-tuning (FT), CamVid 7-1.
_base_ = './deeplabv3_mobilenetv2_camvid_7-1.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
