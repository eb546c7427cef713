# EUMS on PASCAL VOC 2012, PASCAL-5i (section 4.1).
_base_ = [
    './models/deeplabv3_r50-d8.py',
    './datasets/voc_novel_512x512.py',
    './schedules/eums.py',
    './methods/eums.py',
    './default_runtime.py',
]
model = _base_.eums
protocol = dict(
    hand_on='best',  # code: of each training the best epoch on the validation images
    clustering=dict(
        _base_.clustering,
        saliency=dict(  # code: BASNet's maps, as MaskContrast's authors give them
            type='SaliencyFolder',
            folder=f'{_base_.data_root}/saliency_supervised_model',
        ),
    ),
    fine_tuning=dict(
        train_cfg=dict(max_epochs=30, val_interval=1),  # section 4.1; code
        param_scheduler=[
            # code: after 16 epochs
            dict(type='MultiStepLR', milestones=[16], gamma=0.1, by_epoch=True)
        ],
    ),
)
