# IDDC, generated demo data, from nothing: a thin ViT that MoCo v3 trains on the images
# themselves, and the clusters on it. No label and no file.
_base_ = '../_base_/iddc_demo.py'
model = _base_.vitthin8
protocol = dict(
    type='PretrainingProtocol',
    pretraining='{{ fileDirname }}/mocov3_vitthin8_demo_voc.py',
)
