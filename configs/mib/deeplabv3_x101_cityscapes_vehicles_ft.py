# Fine-tuning (FT), Cityscapes vehicles (Table 4: old 0.0, novel 71.0, all 22.4).
_base_ = './deeplabv3_x101_cityscapes_vehicles.py'
model = dict(
    decode_head=dict(loss_decode=dict(_delete_=True, type='CrossEntropyLoss')),
    distillation=[],
)
protocol = dict(classifier_init='random')
