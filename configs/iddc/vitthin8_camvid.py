# IDDC, thin ViT trained on the images themselves, CamVid: no label
# anywhere.
_base_ = '../_base_/iddc_camvid.py'
model = _base_.vitthin8
