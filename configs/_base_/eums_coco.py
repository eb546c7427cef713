# EUMS on COCO 2014 with masks of its 80 object classes, COCO-20i (section 4.1); the
# pipelines are those of PASCAL VOC.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
_base_ = [
    './models/deeplabv3_r50-d8.py',
    './datasets/voc_novel_512x512.py',
    './schedules/eums.py',
    './methods/eums.py',
    './default_runtime.py',
]
data_root = '{{$LABELFREE_DATA:data}}/coco'
model = dict(_base_.eums, decode_head=dict(num_classes=81))
train_dataloader = dict(
    dataset=dict(
        fold='coco-20i_fold0',
        dataset=dict(
            type='COCOObjectDataset',
            data_root=data_root,
            ann_file='train2014.txt',
            data_prefix=dict(
                img_path='train2014', seg_map_path='annotations/train2014'
            ),
        ),
    ),
)
val_dataloader = dict(
    dataset=dict(
        fold='coco-20i_fold0',
        dataset=dict(
            type='COCOObjectDataset',
            data_root=data_root,
            ann_file='val2014.txt',
            data_prefix=dict(img_path='val2014', seg_map_path='annotations/val2014'),
        ),
    ),
)
test_dataloader = val_dataloader
# code: 20 epochs each of base training and fine-tuning, a step after 16
train_cfg = dict(max_epochs=20, val_interval=20)
param_scheduler = [dict(type='MultiStepLR', milestones=[16], gamma=0.1, by_epoch=True)]
protocol = dict(
    source_counts=dict(base=6, clean=6, unclean=6),  # code
    basic_counts=dict(base=8, clean=8),  # code
    # code: the last epoch of base training, of the others the best one
    hand_on=dict(base='last', basic='best', eums='best'),
    clustering=dict(
        _base_.clustering,
        saliency=dict(  # code: BASNet's maps, made by the authors
            type='SaliencyFolder', folder=f'{data_root}/saliency/train2014'
        ),
        saliency_threshold=0,  # code: all of the map that is not 0
    ),
    fine_tuning=dict(
        train_cfg=dict(max_epochs=20, val_interval=1), param_scheduler=param_scheduler
    ),
)
