# Labelled images only (SupOnly), classic VOC, 366 labels (Table 1: 65.88).
_base_ = [
    '../_base_/models/deeplabv3plus_r101-d8.py',
    '../_base_/datasets/voc_semi_513x513.py',
    '../_base_/schedules/u2pl_voc.py',
    '../_base_/methods/u2pl.py',
    '../_base_/default_runtime.py',
]
partition = 'ImageSets/Segmentation/classic_366'
labeled = dict(
    type='SourceDataset',
    source='labeled',
    dataset=dict(_base_.images, ann_file=f'{partition}/labeled.txt'),
)
train_dataloader = dict(dataset=labeled)
train_cfg = dict(max_iters=51040, val_interval=5000)
param_scheduler = [dict(type='PolyLR', power=0.9, end=51040, by_epoch=False)]
