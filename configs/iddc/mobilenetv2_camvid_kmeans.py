# Table 6: k-means on the features, CamVid.
_base_ = '../_base_/iddc_camvid.py'
model = dict(auxiliary_head=None)  # nothing trains a probe
job = dict(type='KMeansJob')
test_evaluator = _base_.test_evaluator[:1]
