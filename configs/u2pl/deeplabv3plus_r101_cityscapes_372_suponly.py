# Labelled images only (SupOnly), Cityscapes, 372 labels (Table 2: 72.53).
_base_ = [
    '../_base_/models/deeplabv3plus_r101-d8_769x769.py',
    '../_base_/datasets/cityscapes_semi_769x769.py',
    '../_base_/schedules/u2pl_cityscapes.py',
    '../_base_/methods/u2pl.py',
    '../_base_/default_runtime.py',
]
partition = 'partitions/372'
labeled = dict(
    type='SourceDataset',
    source='labeled',
    dataset=dict(_base_.images, ann_file=f'{partition}/labeled.txt'),
)
train_dataloader = dict(dataset=labeled)
train_cfg = dict(max_iters=32400, val_interval=5000)
param_scheduler = [dict(type='PolyLR', power=0.9, end=32400, by_epoch=False)]
