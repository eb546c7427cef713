# Over-clustering and entropy ranking, PASCAL-5i, fold 1 (Table 2: novel 56.26).
_base_ = './deeplabv3_r50_pascal-5i_fold1.py'
protocol = dict(reassignment=None, self_training=False)
