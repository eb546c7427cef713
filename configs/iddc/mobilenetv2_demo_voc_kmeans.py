# Table 6: k-means on the features, generated demo data.
_base_ = './mobilenetv2_demo_voc.py'
model = dict(auxiliary_head=None)  # nothing trains a probe
job = dict(type='KMeansJob')
test_evaluator = [dict(type='ClusteringIoUMetric', num_clusters=21)]
