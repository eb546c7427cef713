# Partial cross-entropy (PCE), points, ADE20K (Table 7: 22.4).
_base_ = './fcn_r101_ade20k_points.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.pce_loss)))
