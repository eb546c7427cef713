# IDDC, iBOT ViT-S/16, linear head, Cityscapes-27, whole images: the network of the
# ablations (section 4.4, tables 5 and 6, figure 4). Lambdas are not published; those of
# ViT-S/8 are ours, one pair for all rows. The tables have the best of each row over
# lambdas of its own: pairwise_loss.negative_weight and balance_loss.loss_weight.
_base_ = '../_base_/iddc_cityscapes27.py'
model = _base_.vits16_linear
