# Labelled images only (SupOnly), generated demo data, 40 labels.
_base_ = [
    '../_base_/models/deeplabv3_r18-thin-d8.py',
    '../_base_/datasets/demo_voc_semi_96x96.py',
    '../_base_/schedules/small_sgd.py',
    '../_base_/methods/u2pl_small.py',
    '../_base_/default_runtime.py',
]
optim_wrapper = dict(optimizer=dict(lr=0.1))
partition = 'ImageSets/Segmentation/train_40_balanced_seed0'
labeled = dict(
    type='SourceDataset',
    source='labeled',
    dataset=dict(_base_.images, ann_file=f'{partition}/labeled.txt'),
)
train_dataloader = dict(dataset=labeled)
train_cfg = dict(max_iters=2000, val_interval=2000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.05, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', power=0.9, begin=20, end=2000, by_epoch=False),
]
