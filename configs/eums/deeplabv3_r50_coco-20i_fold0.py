# EUMS, COCO-20i, fold 0 (Table 3: novel 42.39).
_base_ = [
    '../_base_/models/deeplabv3_r50-d8.py',
    '../_base_/datasets/coco_novel_512x512.py',
    '../_base_/schedules/eums.py',
    '../_base_/methods/eums.py',
    '../_base_/default_runtime.py',
]
model = dict(**_base_.eums, decode_head=dict(num_classes=81))
# code: 20 epochs of base training, a step after 15
train_cfg = dict(max_epochs=20, val_interval=20)
param_scheduler = [dict(type='MultiStepLR', milestones=[15], gamma=0.1, by_epoch=True)]
protocol = dict(
    fold='coco-20i_fold0',
    num_clusters=40,  # code: twice the 20 novel classes
    source_counts=dict(base=6, clean=6, unclean=6),  # code
    clustering=dict(
        type='NovelClusteringJob',
        saliency=dict(  # code: BASNet's maps, made by the authors
            type='SaliencyFolder', folder=f'{_base_.data_root}/saliency/train2014'
        ),
        features=dict(  # section 4.1: layer 4 of an ImageNet ResNet-50
            backbone=dict(
                type='ResNet',
                depth=50,
                out_indices=(3,),
                style='pytorch',
                init_cfg=dict(type='Pretrained', checkpoint='torchvision://resnet50'),
            ),
            size=(512, 512),  # code
        ),
        base_confidence=0.9,  # section 4.1: tau
        min_area=1500,  # code, in pixels
        pca_dim=32,  # code, whitened
    ),
    fine_tuning=dict(
        train_cfg=dict(max_epochs=20, val_interval=20),  # code
        param_scheduler=[
            dict(type='MultiStepLR', milestones=[15], gamma=0.1, by_epoch=True)
        ],
    ),
)
