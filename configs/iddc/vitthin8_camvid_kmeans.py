# K-means on the features of the thin ViT, CamVid.
_base_ = '../_base_/iddc_camvid.py'
model = dict(_base_.vitthin8, auxiliary_head=None)  # nothing trains a probe
job = dict(type='KMeansJob')
test_evaluator = _base_.test_evaluator[:1]
