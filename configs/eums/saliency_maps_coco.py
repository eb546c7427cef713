# BASNet's maps of COCO 2014, training images, where the EUMS configs look for them. The
# weights are those of saliency_maps_voc.py.
_base_ = '../_base_/saliency_coco.py'
job = dict(
    type='SaliencyJob',
    dataset=_base_.images,
    source=dict(
        type='NetworkSaliency',
        model=dict(type='SaliencyNet'),
        checkpoint='{{$LABELFREE_DATA:data}}/weights/basnet_mmseg.pth',
        size=(256, 256),  # code of BASNet
    ),
    out_dir=f'{_base_.data_root}/saliency/train2014',
)
