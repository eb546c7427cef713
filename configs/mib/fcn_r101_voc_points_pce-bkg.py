# 'PCE + bkg': unlabelled pixels are background, points, VOC 2012 (Table 5: 38.8).
_base_ = './fcn_r101_voc_points.py'
model = dict(decode_head=dict(loss_decode=dict(_delete_=True, **_base_.pce_bkg_loss)))
