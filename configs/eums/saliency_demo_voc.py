# A thin SaliencyNet on the objects of base classes, generated demo data, fold 0. Images
# that hold a novel class are left out: their objects would count as background.
_base_ = [
    '../_base_/models/saliency_net_thin.py',
    '../_base_/datasets/demo_voc_novel_96x96.py',
    '../_base_/schedules/small_sgd.py',
    '../_base_/default_runtime.py',
]
# Behind LoadAnnotations: the labels are mapped to base classes before.
object_mask = dict(type='ObjectMask')
train_dataloader = dict(
    batch_size=8,
    dataset=dict(
        dataset=dict(
            pipeline=[
                *_base_.train_pipeline[:2],
                object_mask,
                *_base_.train_pipeline[2:],
            ]
        )
    ),
)
# Scored on the objects of all classes, the novel ones as well.
val_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='BaseSegDataset',
        metainfo=dict(
            classes=('background', 'object'), palette=[[0, 0, 0], [255, 255, 255]]
        ),
        data_root=_base_.data_root,
        ann_file='ImageSets/Segmentation/val.txt',
        data_prefix=dict(img_path='JPEGImages', seg_map_path='SegmentationClass'),
        pipeline=[*_base_.test_pipeline[:2], object_mask, _base_.test_pipeline[2]],
        test_mode=True,
    )
)
test_dataloader = val_dataloader
optim_wrapper = dict(
    optimizer=dict(_delete_=True, type='Adam', lr=0.001)  # BASNet, section 4.2
)
train_cfg = dict(max_iters=600, val_interval=600)
param_scheduler = [dict(type='PolyLR', power=0.9, end=600, by_epoch=False)]
