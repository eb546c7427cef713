# Table 6: positive and negative pairs, CamVid.
_base_ = './mobilenetv2_camvid.py'
model = dict(balance_loss=None)
