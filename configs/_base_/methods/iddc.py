# IDDC: pairs of pixels and balance of the clusters, by which the head learns beside a
# linear probe. `variant='official'` is what the published figures come from (code); the
# paper's equations are `variant='paper'`, here and in both losses.
iddc = dict(
    variant='official',
    pairwise_loss=dict(
        type='PairwiseAffinityLoss',
        positive_threshold=0.2,  # t+, section 4.2.3, COCO-Stuff-27
        negative_threshold=0.12,  # t-, section 4.2.3, COCO-Stuff-27
        function='exp',  # eq. 5
        weighted=True,
        num_negatives=3,  # code: three rotations of the batch
        negative_weight=1.4,  # lambda_1, section 4.2.3, COCO-Stuff-27
        variant='official',
    ),
    balance_loss=dict(
        type='WeibullBalanceLoss',
        k=0.3,  # code
        lambda_=5.0,  # code; the paper's eq. 7 has 1
        variant='official',
        # lambda_2 of ViT-S/16, section 4.2.3; the 1 / 50 is in the code only
        loss_weight=0.4 / 50,
    ),
)
# On the features of a supervised MobileNetV2. Without centering nearly all cosines are
# above 0.2. With it, those of one class and of different classes cross at 0.02 to 0.04
# (section 4.4.4, tools/affinity_statistics.py); only clear pairs are taken.
iddc_centered = dict(
    variant='official',
    pairwise_loss=dict(iddc['pairwise_loss'], negative_threshold=0.0, centered=True),
    # With the 0.4 / 50 of the code half of the clusters stay empty in short runs.
    balance_loss=dict(iddc['balance_loss'], loss_weight=0.4),
)
