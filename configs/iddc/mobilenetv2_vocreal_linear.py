# Table 5: h = linear, VOC subset.
_base_ = './mobilenetv2_vocreal.py'
model = dict(pairwise_loss=dict(function='linear'))
