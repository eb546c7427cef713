# Table 5: h = linear, generated demo data.
_base_ = './mobilenetv2_demo_voc.py'
model = dict(pairwise_loss=dict(function='linear'))
