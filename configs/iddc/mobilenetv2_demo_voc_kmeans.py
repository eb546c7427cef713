# Table 6: k-means on the features, generated demo data.
_base_ = './mobilenetv2_demo_voc.py'
model = dict(decode_head=dict(kernel_sizes=()))
job = dict(type='KMeansClusters')
