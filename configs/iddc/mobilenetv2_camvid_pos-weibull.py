# Table 6: positive pairs and Weibull, CamVid.
_base_ = './mobilenetv2_camvid.py'
model = dict(pairwise_loss=dict(negative_weight=0))
