# Backbone of vitthin8_demo_voc.py, from random weights, without any label.
_base_ = '../_base_/mocov3_camvid.py'
train_dataloader = dict(
    dataset=dict(
        type='mmseg.DemoVOCDataset',
        data_root='{{$LABELFREE_DATA:data}}/demo_voc',
        data_prefix=dict(img_path='JPEGImages'),
    )
)
