# Table 6: k-means on the features, VOC subset.
_base_ = './mobilenetv2_vocreal.py'
model = dict(auxiliary_head=None)  # nothing trains a probe
job = dict(type='KMeansJob')
test_evaluator = [dict(type='ClusteringIoUMetric', num_clusters=13)]
