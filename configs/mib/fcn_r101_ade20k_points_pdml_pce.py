# Partial cross-entropy (PCE), points, ADE20K, protocol of PDML (Table 7: 20.2).
_base_ = './fcn_r101_ade20k_points_pdml.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.pce_loss)))
