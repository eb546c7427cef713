# IDDC, iBOT ViT-S/16, linear head, Cityscapes-27, whole images: the network of the
# ablations (section 4.4, tables 5 and 6, figure 4). Its lambdas are not published.
_base_ = '../_base_/iddc_cityscapes27.py'
model = dict(
    backbone=dict(
        patch_size=16,
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/ibot_vits16.pth'),
    ),
    decode_head=dict(kernel_sizes=()),
    # The best thresholds of figure 7a.
    pairwise_loss=dict(positive_threshold=0.2, negative_threshold=0.2),
)
