# Table 5: h = log, without weights, CamVid.
_base_ = './mobilenetv2_camvid_log.py'
model = dict(pairwise_loss=dict(weighted=False))
