# Labelled images only (SupOnly), real VOC photographs, 1/8 of the labels.
_base_ = [
    '../_base_/models/deeplabv3_mobilenetv2-d16.py',
    '../_base_/datasets/vocreal_semi_128x128.py',
    '../_base_/schedules/small_sgd.py',
    '../_base_/methods/u2pl_small.py',
    '../_base_/default_runtime.py',
]
model = dict(decode_head=dict(num_classes=13))
partition = 'ImageSets/Segmentation/train_1-8_balanced_seed0'
labeled = dict(
    type='SourceDataset',
    source='labeled',
    dataset=dict(_base_.images, ann_file=f'{partition}/labeled.txt'),
)
train_dataloader = dict(dataset=labeled)
train_cfg = dict(max_iters=1200, val_interval=1200)
param_scheduler = [dict(type='PolyLR', power=0.9, end=1200, by_epoch=False)]
