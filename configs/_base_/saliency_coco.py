# Images of COCO 2014 for maps of saliency. Layout: data/README.md. LABELFREE_DATA
# replaces the folder `data`.
_base_ = ['./default_runtime.py']
data_root = '{{$LABELFREE_DATA:data}}/coco'
images = dict(
    type='COCOObjectDataset',
    data_root=data_root,
    ann_file='train2014.txt',
    data_prefix=dict(img_path='train2014'),
    pipeline=[dict(type='LoadImageFromFile')],
)
