# Table 6: k-means on the features, VOC subset.
_base_ = './mobilenetv2_vocreal.py'
model = dict(decode_head=dict(kernel_sizes=()))
job = dict(type='KMeansClusters')
