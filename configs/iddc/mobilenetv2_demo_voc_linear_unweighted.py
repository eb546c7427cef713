# Table 5: h = linear, without weights, generated demo data.
_base_ = './mobilenetv2_demo_voc_linear.py'
model = dict(pairwise_loss=dict(weighted=False))
