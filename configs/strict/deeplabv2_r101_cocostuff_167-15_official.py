# STRICT, COCO-Stuff, at test as in the authors' code: images and labels squashed to
# 513 x 513, and scored at that size. Trained as deeplabv2_r101_cocostuff_167-15.py.
_base_ = '../_base_/strict_cocostuff.py'
model = _base_.strict
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(513, 513), keep_ratio=False),
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(dataset=dict(pipeline=test_pipeline)))
test_dataloader = val_dataloader
