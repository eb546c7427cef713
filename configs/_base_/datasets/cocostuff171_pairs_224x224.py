# COCO-Stuff with its 171 classes, pairs of crops, all images. The masks come from
# mmsegmentation's tools/dataset_converters/coco_stuff164k.py.
_base_ = './cocostuff27_pairs_224x224.py'
train_dataloader = dict(
    dataset=dict(dataset=dict(type='COCOStuffDataset', ann_file=''))
)
val_dataloader = dict(dataset=dict(type='COCOStuffDataset', ann_file=''))
test_dataloader = val_dataloader
val_evaluator = [
    dict(type='SquashedClusteringIoUMetric', num_clusters=171, size=(320, 320)),
    dict(type='LinearProbeIoUMetric', size=(320, 320), iou_metrics=['mIoU']),
]
test_evaluator = val_evaluator
