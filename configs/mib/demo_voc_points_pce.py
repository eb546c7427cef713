# Partial cross-entropy (PCE), points, generated demo data.
_base_ = './demo_voc_points.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.pce_loss)))
