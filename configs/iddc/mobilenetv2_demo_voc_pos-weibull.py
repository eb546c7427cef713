# Table 6: positive pairs and Weibull, generated demo data.
_base_ = './mobilenetv2_demo_voc.py'
model = dict(pairwise_loss=dict(negative_weight=0))
