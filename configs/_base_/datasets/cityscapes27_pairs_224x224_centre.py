# Cityscapes with 27 classes, pairs of crops; the centre of each image is scored.
_base_ = './cityscapes27_pairs_224x224.py'
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='CenterCrop', crop_size=(1024, 1024)),  # section 4.3
    dict(type='Resize', scale=(320, 320), keep_ratio=False),  # section 4.3
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
