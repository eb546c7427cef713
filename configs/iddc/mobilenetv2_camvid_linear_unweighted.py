# Table 5: h = linear, without weights, CamVid.
_base_ = './mobilenetv2_camvid_linear.py'
model = dict(pairwise_loss=dict(weighted=False))
