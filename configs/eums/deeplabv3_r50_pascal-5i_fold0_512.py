# EUMS, PASCAL-5i, fold 0, scored as the authors' code scores while it trains: images
# and labels at 512 x 512, whatever their shape. For checkpoints of theirs, too.
_base_ = '../_base_/eums_voc.py'
protocol = dict(fold='pascal-5i_fold0', num_clusters=10)  # twice the 5 novel classes
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='Resize', scale=(512, 512), keep_ratio=False, interpolation='bicubic'),
    dict(type='ScoreAtCurrentSize'),
    dict(type='PackSegInputs'),
]
val_dataloader = dict(dataset=dict(dataset=dict(pipeline=test_pipeline)))
test_dataloader = val_dataloader
