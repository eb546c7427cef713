# Figure 4: entropy instead of Weibull, Cityscapes-27. Its weight and lambda_1 are ours,
# not published.
_base_ = '../_base_/iddc_cityscapes27.py'
model = dict(
    _base_.vits16_linear,
    balance_loss=dict(_delete_=True, type='EntropyBalanceLoss', loss_weight=0.4),
)
