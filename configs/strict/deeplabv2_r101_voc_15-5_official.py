# STRICT, VOC 15-5, with the images of the authors' code. As there: images and labels
# squashed to 513 x 513 in training and at test, and scored at that size. As there, in
# all configs: two rounds, the network, the views, the loss at the logits' size.
# Not as there: half of the images are mirrored, not 90 %; smaller crops are padded by
# black that never gets a pseudo-label, while the code fills all pixels without a seen
# label; seen labels at the logits are those of their pixels; the rate falls in each
# iteration, not every 10; all 1449 images are scored, not 1440; SPNet sees one scale
# and starts from Caffe's ImageNet weights, not from another ResNet.
_base_ = '../_base_/strict_voc.py'
model = _base_.strict
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
