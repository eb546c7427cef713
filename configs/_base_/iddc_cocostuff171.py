# IDDC on COCO-Stuff with its 171 classes, all images, DINO. The masks come from
# mmsegmentation's tools/dataset_converters/coco_stuff164k.py.
_base_ = [
    './models/clustering_dino.py',
    './datasets/cocostuff27_pairs_224x224.py',
    './schedules/iddc_20e.py',
    './methods/iddc.py',
    './default_runtime.py',
]
model = dict(
    decode_head=dict(num_classes=171),
    auxiliary_head=dict(num_classes=171),
    variant='official',
    # Section 4.2.3; 1 / 50 as in the code for COCO-Stuff-27.
    pairwise_loss=dict(
        _base_.iddc.pairwise_loss,
        positive_threshold=0.15,
        negative_threshold=0.15,
        negative_weight=9.0,
    ),
    balance_loss=dict(_base_.iddc.balance_loss, loss_weight=0.61 / 50),
)
train_dataloader = dict(
    dataset=dict(dataset=dict(type='COCOStuffDataset', ann_file=''))
)
val_dataloader = dict(dataset=dict(type='COCOStuffDataset', ann_file=''))
test_dataloader = val_dataloader
val_evaluator = [
    dict(
        type='SquashedClusteringIoUMetric',
        num_clusters=171,
        size=(320, 320),
        maximize='pixels',  # code
    ),
    dict(type='LinearProbeIoUMetric', size=(320, 320), iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator
