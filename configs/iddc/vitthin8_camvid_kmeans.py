# K-means on the features of the thin ViT, CamVid.
_base_ = './vitthin8_camvid.py'
model = dict(auxiliary_head=None)  # nothing trains a probe
job = dict(type='KMeansJob')
test_evaluator = [dict(type='ClusteringIoUMetric', num_clusters=11)]
