# EUMS, PASCAL-5i, fold 0 (Table 2: novel 69.79).
_base_ = [
    '../_base_/models/deeplabv3_r50-d8.py',
    '../_base_/datasets/voc_novel_512x512.py',
    '../_base_/schedules/eums.py',
    '../_base_/methods/eums.py',
    '../_base_/default_runtime.py',
]
model = dict(**_base_.eums)
protocol = dict(
    fold='pascal-5i_fold0',
    num_clusters=10,  # section 4.1: twice the 5 novel classes
    clustering=dict(
        type='NovelClusteringJob',
        saliency=dict(  # code: BASNet's maps, as MaskContrast's authors give them
            type='SaliencyFolder',
            folder=f'{_base_.data_root}/saliency_supervised_model',
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
        train_cfg=dict(max_epochs=30, val_interval=30),  # section 4.1
        param_scheduler=[
            dict(type='MultiStepLR', milestones=[15], gamma=0.1, by_epoch=True)
        ],
    ),
)
