# Table 6: positive and negative pairs, VOC subset.
_base_ = './mobilenetv2_vocreal.py'
model = dict(balance_loss=None)
