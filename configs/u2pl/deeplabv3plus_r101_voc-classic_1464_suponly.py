# Labelled images only (SupOnly), classic VOC, 1464 labels (Table 1: 72.50).
_base_ = [
    '../_base_/models/deeplabv3plus_r101-d8.py',
    '../_base_/datasets/voc_semi_513x513.py',
    '../_base_/schedules/u2pl_voc.py',
    '../_base_/methods/u2pl.py',
    '../_base_/default_runtime.py',
]
partition = 'ImageSets/Segmentation/classic_1464'
labeled = dict(
    type='SourceDataset',
    source='labeled',
    dataset=dict(_base_.images, ann_file=f'{partition}/labeled.txt'),
)
train_dataloader = dict(dataset=labeled)
train_cfg = dict(max_iters=45520, val_interval=5000)
param_scheduler = [dict(type='PolyLR', power=0.9, end=45520, by_epoch=False)]
