# STRICT as the authors' code runs it, VOC 15-5: two rounds, images and labels squashed
# to 513 x 513 in training and at test, scored at that size.
_base_ = '../_base_/strict_voc.py'
model = _base_.strict
protocol = dict(rounds=2)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(
        type='RandomResize',
        scale=(513, 513),
        ratio_range=(0.5, 1.5),
        keep_ratio=False,
    ),
    dict(type='RandomCrop', crop_size=(321, 321)),
    dict(type='RandomFlip', prob=0.5),  # the code flips 90 %, by a mistake
    dict(type='Pad', size=(321, 321), pad_val=dict(img=0, seg=255)),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(513, 513), keep_ratio=False),
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(dataset=dict(dataset=dict(pipeline=train_pipeline)))
val_dataloader = dict(dataset=dict(dataset=dict(pipeline=test_pipeline)))
test_dataloader = val_dataloader
