# MiB on your own images, one class after another: docs/own_data.md.
_base_ = '../_base_/mib_demo.py'  # a small network; ResNet-101: mib_voc.py
classes = ['background', 'disk', 'square']
images = dict(
    type='FolderDataset',
    data_root='{{$LABELFREE_DATA:data}}/own',
    data_prefix=dict(img_path='images/train', seg_map_path='masks/train'),
    has_mask=True,
    metainfo=dict(classes=classes),
    pipeline=_base_.train_pipeline,
)
train_dataloader = dict(dataset=dict(dataset=dict(images, _delete_=True)))
folders = dict(img_path='images/val', seg_map_path='masks/val')
val = dict(images, data_prefix=folders, pipeline=_base_.test_pipeline, test_mode=True)
val_dataloader = dict(dataset=dict(dataset=dict(val, _delete_=True)))
test_dataloader = val_dataloader
model = _base_.mib
protocol = dict(task=[['disk'], ['square']])  # the classes of each step
