# Partial cross-entropy (PCE), human points, real VOC.
_base_ = './deeplabv3_mobilenetv2_vocreal_points.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.pce_loss)))
