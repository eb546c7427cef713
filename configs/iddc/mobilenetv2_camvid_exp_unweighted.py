# Table 5: h = exp, without weights, CamVid.
_base_ = './mobilenetv2_camvid.py'
model = dict(pairwise_loss=dict(weighted=False))
