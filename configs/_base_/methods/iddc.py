# IDDC: pairs of pixels, balance of the clusters, linear probe. A config takes them into
# its model, because MMEngine does not merge `model` of two bases:
#   model = dict(pairwise_loss=_base_.pairs, balance_loss=_base_.weibull)
# `variant='official'` is what the published figures come from (code); the paper's
# equations are `variant='paper'`.
pairs = dict(
    type='PairwiseAffinityLoss',
    positive_threshold=0.2,  # t+, section 4.2.3, COCO-Stuff-27
    negative_threshold=0.12,  # t-, section 4.2.3, COCO-Stuff-27
    function='exp',  # eq. 5
    weighted=True,
    num_negatives=3,  # code: three rotations of the batch
    negative_weight=1.4,  # lambda_1, section 4.2.3, COCO-Stuff-27
    variant='official',
)
weibull = dict(
    type='WeibullBalanceLoss',
    k=0.3,  # code
    lambda_=5.0,  # code; the paper's eq. 7 has 1
    variant='official',
    # lambda_2 of ViT-S/16, section 4.2.3; the 1 / 50 is in the code only
    loss_weight=0.4 / 50,
)
