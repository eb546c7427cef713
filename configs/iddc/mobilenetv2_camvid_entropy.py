# Figure 4: entropy instead of Weibull, CamVid.
_base_ = '../_base_/iddc_camvid.py'
model = dict(
    balance_loss=dict(_delete_=True, type='EntropyBalanceLoss', loss_weight=0.4)
)
