# Table 6: k-means on the features, generated demo data.
_base_ = '../_base_/iddc_demo.py'
model = dict(auxiliary_head=None)  # nothing trains a probe
job = dict(type='KMeansJob')
test_evaluator = _base_.test_evaluator[:1]
