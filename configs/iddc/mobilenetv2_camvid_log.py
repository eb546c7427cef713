# Table 5: h = log, CamVid.
_base_ = './mobilenetv2_camvid.py'
model = dict(pairwise_loss=dict(function='log'))
