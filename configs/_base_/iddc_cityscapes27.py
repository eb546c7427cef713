# IDDC on Cityscapes-27, DINO; whole images are scored.
_base_ = [
    './models/clustering_dino.py',
    './datasets/cityscapes27_pairs_224x224.py',
    './schedules/iddc_20e.py',
    './methods/iddc.py',
    './default_runtime.py',
]
# Section 4.2.3, ViT-S/8; 1 / 50 as in the code for COCO-Stuff-27.
model = dict(
    variant='official',
    pairwise_loss=dict(
        _base_.iddc.pairwise_loss,
        positive_threshold=0.15,
        negative_threshold=0.25,
        negative_weight=0.25,
    ),
    balance_loss=dict(_base_.iddc.balance_loss, loss_weight=0.3 / 50),
)
vitb8 = dict(  # likewise
    pairwise_loss=dict(
        positive_threshold=0.2, negative_threshold=0.28, negative_weight=0.38
    ),
    balance_loss=dict(loss_weight=0.22 / 50),
)
# The network of the ablations (section 4.4): iBOT, linear head, the best thresholds of
# figure 7a. Its lambdas are not published; those of ViT-S/8 are ours.
vits16_linear = dict(
    backbone=dict(
        patch_size=16,
        init_cfg=dict(checkpoint='{{$LABELFREE_DATA:data}}/weights/ibot_vits16.pth'),
    ),
    decode_head=dict(kernel_sizes=()),
    pairwise_loss=dict(positive_threshold=0.2, negative_threshold=0.2),
)
train_cfg = dict(max_epochs=50, val_interval=10)  # section 4.2.2
param_scheduler = [dict(type='PolyLR', power=0.9, begin=0, end=51, by_epoch=True)]
