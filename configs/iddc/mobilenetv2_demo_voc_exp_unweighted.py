# Table 5: h = exp, without weights, generated demo data.
_base_ = './mobilenetv2_demo_voc.py'
model = dict(pairwise_loss=dict(weighted=False))
