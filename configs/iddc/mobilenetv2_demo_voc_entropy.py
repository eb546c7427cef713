# Figure 4: entropy instead of Weibull, generated demo data.
_base_ = './mobilenetv2_demo_voc.py'
model = dict(
    balance_loss=dict(_delete_=True, type='EntropyBalanceLoss', loss_weight=0.1)
)
