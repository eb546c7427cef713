# Partial cross-entropy (PCE), points, VOC 2012.
_base_ = './fcn_r101_voc_points.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.pce_loss)))
