# Backbone of vitthin8_demo_voc.py, from random weights, without any label.
_base_ = './mocov3_vitthin8_camvid.py'
data_root = '{{$LABELFREE_DATA:data}}/demo_voc'
train_dataloader = dict(
    dataset=dict(
        type='mmseg.DemoVOCDataset',
        data_root=data_root,
        data_prefix=dict(img_path='JPEGImages'),
    )
)
