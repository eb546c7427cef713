# Partial cross-entropy (PCE), scribbles, VOC 2012 (Table 6: 69.5, with CRF 72.8).
_base_ = './deeplabv2_r101_voc_scribbles.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.pce_loss)))
