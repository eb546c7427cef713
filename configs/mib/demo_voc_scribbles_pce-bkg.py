# 'PCE + bkg': unlabelled pixels are background, scribbles, generated demo data.
_base_ = './demo_voc_scribbles.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.pce_bkg_loss)))
