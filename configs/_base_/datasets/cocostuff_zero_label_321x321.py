# COCO-Stuff 164k, some classes without labels.
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
_base_ = './voc_zero_label_321x321.py'
data_root = '{{$LABELFREE_DATA:data}}/coco_stuff164k'
train_dataloader = dict(
    dataset=dict(
        split='cocostuff_156-15',
        dataset=dict(
            _delete_=True,
            type='COCOStuffDataset',
            data_root=data_root,
            data_prefix=dict(
                img_path='images/train2017', seg_map_path='annotations/train2017'
            ),
            pipeline=_base_.train_pipeline,
        ),
    ),
)
val_dataloader = dict(
    dataset=dict(
        split='cocostuff_156-15',
        dataset=dict(
            _delete_=True,
            type='COCOStuffDataset',
            data_root=data_root,
            data_prefix=dict(
                img_path='images/val2017', seg_map_path='annotations/val2017'
            ),
            pipeline=_base_.test_pipeline,
            test_mode=True,
        ),
    ),
)
test_dataloader = val_dataloader
