# Table 6: k-means on the features, CamVid.
_base_ = './mobilenetv2_camvid.py'
model = dict(decode_head=dict(kernel_sizes=()))
job = dict(type='KMeansClusters')
