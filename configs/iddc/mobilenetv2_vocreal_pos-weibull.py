# Table 6: positive pairs and Weibull, VOC subset.
_base_ = './mobilenetv2_vocreal.py'
model = dict(pairwise_loss=dict(negative_weight=0))
