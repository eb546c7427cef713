# Table 5: h = linear, without weights, VOC subset.
_base_ = './mobilenetv2_vocreal_linear.py'
model = dict(pairwise_loss=dict(weighted=False))
