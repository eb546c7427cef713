# Table 5: h = linear, CamVid.
_base_ = './mobilenetv2_camvid.py'
model = dict(pairwise_loss=dict(function='linear'))
