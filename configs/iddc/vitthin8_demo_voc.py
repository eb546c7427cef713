# IDDC, thin ViT trained on the images themselves, generated demo data: no label at all.
_base_ = '../_base_/iddc_demo.py'
model = _base_.vitthin8
