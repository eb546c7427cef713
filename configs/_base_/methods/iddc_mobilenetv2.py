# IDDC on the features of a supervised MobileNetV2; as iddc.py otherwise.
# Thresholds by tools/affinity_statistics.py, as in section 4.4.4. Without centring the
# cosines of these features are nearly all above 0.2.
pairs = dict(
    type='PairwiseAffinityLoss',
    positive_threshold=0.2,
    negative_threshold=0.0,
    function='exp',  # eq. 5
    weighted=True,
    num_negatives=3,  # code: three rotations of the batch
    negative_weight=1.4,  # lambda_1, section 4.2.3, COCO-Stuff-27
    centered=True,
    variant='official',
)
# With the 0.4 / 50 of the code half of the clusters stay empty in these short trainings.
weibull = dict(
    type='WeibullBalanceLoss',
    k=0.3,  # code
    lambda_=5.0,  # code; the paper's eq. 7 has 1
    variant='official',
    loss_weight=0.4,  # lambda_2
)
