# Table 5: h = log, generated demo data.
_base_ = './mobilenetv2_demo_voc.py'
model = dict(pairwise_loss=dict(function='log'))
