# IDDC, iBOT ViT-S/16, linear head, Cityscapes-27, whole images: the network of the
# ablations (section 4.4, tables 5 and 6, figure 4).
_base_ = '../_base_/iddc_cityscapes27.py'
model = _base_.vits16_linear
