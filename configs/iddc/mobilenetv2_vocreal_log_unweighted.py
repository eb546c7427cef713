# Table 5: h = log, without weights, VOC subset.
_base_ = './mobilenetv2_vocreal_log.py'
model = dict(pairwise_loss=dict(weighted=False))
