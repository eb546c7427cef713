# U2PL+ on your own images, some of which have a mask: docs/own_data.md.
_base_ = '../_base_/u2pl_demo.py'  # a small network; ResNet-101: u2pl_voc.py
classes = ['background', 'disk', 'square']
images = dict(
    type='FolderDataset',
    data_root='{{$LABELFREE_DATA:data}}/own',
    data_prefix=dict(img_path='images/train', seg_map_path='masks/train'),
    metainfo=dict(classes=classes),
    pipeline=_base_.train_pipeline,
)
source = dict(type='SourceDataset', source='labeled', dataset=images)
labeled = dict(source, dataset=dict(images, has_mask=True))
unlabeled = dict(images, has_mask=False)
unlabeled = dict(source, source='unlabeled', labeled=False, dataset=unlabeled)
train_dataloader = dict(dataset=dict(datasets=[labeled, unlabeled]))
folders = dict(img_path='images/val', seg_map_path='masks/val')
val = dict(images, data_prefix=folders, pipeline=_base_.test_pipeline, test_mode=True)
val_dataloader = test_dataloader = dict(dataset=dict(val, _delete_=True))
bank = dict(_base_.u2pl_plus.memory_bank, num_classes=len(classes))
model = dict(_base_.u2pl_plus, memory_bank=bank)
model['decode_head'] = dict(num_classes=len(classes))
