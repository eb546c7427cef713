# K-means on the features of the thin ViT, generated demo.
_base_ = './vitthin8_demo_voc.py'
model = dict(auxiliary_head=None)  # nothing trains a probe
job = dict(type='KMeansJob')
test_evaluator = [dict(type='ClusteringIoUMetric', num_clusters=21)]
