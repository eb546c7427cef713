# K-means on the features of the thin ViT, generated demo data.
_base_ = '../_base_/iddc_demo.py'
model = dict(_base_.vitthin8, auxiliary_head=None)  # nothing trains a probe
job = dict(type='KMeansJob')
test_evaluator = _base_.test_evaluator[:1]
