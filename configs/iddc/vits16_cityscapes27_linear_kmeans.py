# Table 6: k-means on the features of iBOT ViT-S/16, Cityscapes-27, whole images.
_base_ = '../_base_/iddc_cityscapes27.py'
model = dict(_base_.vits16_linear, auxiliary_head=None)  # nothing trains a probe
job = dict(type='KMeansJob')
test_evaluator = _base_.test_evaluator[:1]
