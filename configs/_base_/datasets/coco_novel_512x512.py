# COCO 2014 with masks of its 80 object classes, COCO-20i (EUMS, section 4.1).
# Layout: data/README.md. LABELFREE_DATA replaces the folder `data`.
_base_ = './voc_novel_512x512.py'
data_root = '{{$LABELFREE_DATA:data}}/coco'
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
