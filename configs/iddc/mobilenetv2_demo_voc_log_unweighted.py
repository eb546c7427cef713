# Table 5: h = log, without weights, generated demo data.
_base_ = './mobilenetv2_demo_voc_log.py'
model = dict(pairwise_loss=dict(weighted=False))
