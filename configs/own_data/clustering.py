# IDDC on your own images, without any mask: docs/own_data.md.
_base_ = '../_base_/iddc_demo.py'
num_clusters = 6
images = dict(
    type='FolderDataset',
    data_root='{{$LABELFREE_DATA:data}}/own',
    data_prefix=dict(img_path='images/train'),
    metainfo=dict(classes=[f'cluster_{k}' for k in range(num_clusters)]),
    pipeline=_base_.train_pipeline,
)
train_dataloader = dict(
    dataset=dict(labeled=False, dataset=dict(images, _delete_=True))
)
val_dataloader = val_cfg = val_evaluator = None
test_dataloader = test_cfg = test_evaluator = None
custom_hooks = [*_base_.custom_hooks, dict(type='ClusterPanelHook', num_images=6)]
head = dict(_base_.vitthin8.decode_head, num_classes=num_clusters)
model = dict(_base_.vitthin8, decode_head=head, auxiliary_head=None)
protocol = dict(  # a backbone is trained on the images first
    type='PretrainingProtocol',
    pretraining='{{ fileDirname }}/../iddc/mocov3_vitthin8_demo_voc.py',
)
