# Partial cross-entropy (PCE), scribbles, CamVid.
_base_ = './deeplabv3_mobilenetv2_camvid_scribbles.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.pce_loss)))
