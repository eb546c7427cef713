# Table 5: h = exp, without weights, VOC subset.
_base_ = './mobilenetv2_vocreal.py'
model = dict(pairwise_loss=dict(weighted=False))
