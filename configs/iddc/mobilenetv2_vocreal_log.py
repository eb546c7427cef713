# Table 5: h = log, VOC subset.
_base_ = './mobilenetv2_vocreal.py'
model = dict(pairwise_loss=dict(function='log'))
