# Table 6: positive and negative pairs, generated demo data.
_base_ = './mobilenetv2_demo_voc.py'
model = dict(balance_loss=None)
