# IDDC on the features of a supervised MobileNetV2; as iddc.py otherwise.
# Without centring the cosines of these features are nearly all above 0.2. With it,
# those of one class and of different classes cross at 0.02 to 0.04 (section 4.4.4,
# tools/affinity_statistics.py); only clear pairs are taken.
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
# With the 0.4 / 50 of the code half of the clusters stay empty in these short runs.
weibull = dict(
    type='WeibullBalanceLoss',
    k=0.3,  # code
    lambda_=5.0,  # code; the paper's eq. 7 has 1
    variant='official',
    loss_weight=0.4,  # lambda_2
)
