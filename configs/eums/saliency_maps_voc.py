# BASNet's maps of PASCAL VOC 2012, trainaug, where the EUMS configs look for them. The
# weights are the authors', through tools/model_converters/basnet_to_saliency_net.py.
_base_ = '../_base_/saliency_voc.py'
job = dict(
    type='SaliencyJob',
    dataset=_base_.train_dataloader.dataset.dataset,
    source=dict(
        type='NetworkSaliency',
        model=dict(type='SaliencyNet'),
        checkpoint='{{$LABELFREE_DATA:data}}/weights/basnet_mmseg.pth',
        size=(256, 256),  # code of BASNet
    ),
    out_dir=f'{_base_.data_root}/saliency_supervised_model',
)
