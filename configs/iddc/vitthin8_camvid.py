# IDDC, thin ViT trained on the images themselves, CamVid: no label at all.
_base_ = '../_base_/iddc_camvid.py'
model = _base_.vitthin8
